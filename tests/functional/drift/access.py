"""Changes of roles, job definitions, images and logs."""

from __future__ import annotations

import json

from ops import names
from tests.functional.drift.acts import (
    ANYONE,
    Changes,
    call,
    complete,
    deregister,
    pushed,
    repository_gone,
    repository_made,
    revise,
)
from tests.functional.operating import FIRST

POLICY = {"RoleName": "{JobRole}", "PolicyName": "transcode"}
EXTRA = {"RoleName": "{JobRole}", "PolicyName": "more"}
ADMIN = {"RoleName": "{JobRole}", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
LOGS = {"logGroupName": names.LOG_GROUP}
CONTAINER = "JobDefinition ContainerProperties"
NEWEST = "JobDefinition newest revision: expected"
ACCESS: Changes = {
    "a role that may do anything": (
        call("iam", "put_role_policy", **POLICY, PolicyDocument=json.dumps(ANYONE)),
        complete,
        # Each statement of the template is missing, and one is there instead.
        ["JobRole Policies[transcode].PolicyDocument.Statement: expected"] * 4,
    ),
    "another policy within a role": (
        call("iam", "put_role_policy", **EXTRA, PolicyDocument=json.dumps(ANYONE)),
        call("iam", "delete_role_policy", **EXTRA),
        ["JobRole Policies[more]: expected nothing, found"],
    ),
    "another policy attached to a role": (
        call("iam", "attach_role_policy", **ADMIN),
        call("iam", "detach_role_policy", **ADMIN),
        ["JobRole ManagedPolicyArns: expected nothing, found"],
    ),
    "others may assume a role": (
        call(
            "iam",
            "update_assume_role_policy",
            RoleName="{ExecutionRole}",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
                    ],
                }
            ),
        ),
        call(
            "iam",
            "update_assume_role_policy",
            RoleName="{ExecutionRole}",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
        ),
        ["ExecutionRole AssumeRolePolicyDocument.Statement: expected"],
    ),
    "a privileged revision": (
        revise(
            privileged=True, user="root", ulimits=[{"name": "n", "hardLimit": 1, "softLimit": 1}]
        ),
        deregister,
        [
            f"{CONTAINER}.Privileged: expected nothing, found true",
            f"{CONTAINER}.Ulimits[n]: expected nothing, found",
            f"{CONTAINER}.User: expected nothing, found root",
            f"{NEWEST} academy-video-batch-jobdef:2, found academy-video-batch-jobdef:3",
        ],
    ),
    "a revision with another image and a folder of the host": (
        revise(
            image="academy-video-worker:latest",
            volumes=[{"name": "host", "host": {"sourcePath": "/"}}],
            mountPoints=[{"containerPath": "/host", "sourceVolume": "host"}],
            also={"name": "AWS_SECRET_ACCESS_KEY", "value": "hidden"},
        ),
        deregister,
        [
            f"{CONTAINER}.Environment[AWS_SECRET_ACCESS_KEY]: expected nothing, found a value (not",
            f"{CONTAINER}.Image: expected {FIRST}, found academy-video-worker:",
            f"{CONTAINER}.MountPoints: expected nothing, found",
            f"{CONTAINER}.Volumes[host]: expected nothing, found",
            NEWEST,
        ],
    ),
    "no image of that digest": (
        call(
            "ecr",
            "batch_delete_image",
            repositoryName=names.REPOSITORY,
            imageIds=[{"imageDigest": FIRST.rpartition("@")[2]}],
        ),
        pushed,
        [f"image: expected {FIRST}, found nothing of this digest in academy-video-worker"],
    ),
    "no repository": (
        repository_gone,
        repository_made,
        ["Repository: expected a resource, found nothing", "image: expected"],
    ),
    "images expire by age": (
        call(
            "ecr",
            "put_lifecycle_policy",
            repositoryName=names.REPOSITORY,
            lifecyclePolicyText=json.dumps(
                {
                    "rules": [
                        {
                            "rulePriority": 1,
                            "selection": {
                                "tagStatus": "any",
                                "countType": "sinceImagePushed",
                                "countUnit": "days",
                                "countNumber": 14,
                            },
                            "action": {"type": "expire"},
                        }
                    ]
                }
            ),
        ),
        complete,
        ["Repository LifecyclePolicy.LifecyclePolicyText.rules: expected"] * 2,
    ),
    "tags can be moved": (
        call(
            "ecr",
            "put_image_tag_mutability",
            repositoryName=names.REPOSITORY,
            imageTagMutability="MUTABLE",
        ),
        call(
            "ecr",
            "put_image_tag_mutability",
            repositoryName=names.REPOSITORY,
            imageTagMutability="IMMUTABLE",
        ),
        ["Repository ImageTagMutability: expected IMMUTABLE, found MUTABLE"],
    ),
}
