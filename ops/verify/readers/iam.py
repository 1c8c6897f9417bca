"""Roles with all their policies, managed policies and instance profiles."""

from __future__ import annotations

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind, part, pick
from ops.verify.resource import Resource

_ROLE = "AWS::IAM::Role"
_MANAGED = "AWS::IAM::ManagedPolicy"


@kind(_ROLE, defaults={"Path": "/", "MaxSessionDuration": "3600"}, unread=("RoleName", "Tags"))
def role(aws: Aws, resource: Resource) -> Properties:
    """Read a role: who may assume it, and within what bounds."""
    there = aws.iam.get_role(RoleName=resource.id)["Role"]
    boundary = there.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return {
        **pick(there, "AssumeRolePolicyDocument", "Path", "MaxSessionDuration", "Description"),
        "PermissionsBoundary": boundary,
    }


@part(_ROLE, "Policies")
def inline_policies(aws: Aws, resource: Resource) -> Properties:
    """Read all policies within a role, those too that the template does not have."""
    pages = aws.iam.get_paginator("list_role_policies").paginate(RoleName=resource.id)
    found = [
        aws.iam.get_role_policy(RoleName=resource.id, PolicyName=name)
        for page in pages
        for name in page["PolicyNames"]
    ]
    return {"Policies": [pick(policy, "PolicyName", "PolicyDocument") for policy in found]}


@part(_ROLE, "ManagedPolicyArns")
def attached_policies(aws: Aws, resource: Resource) -> Properties:
    """Read which managed policies a role has."""
    pages = aws.iam.get_paginator("list_attached_role_policies").paginate(RoleName=resource.id)
    found = [policy.get("PolicyArn") for page in pages for policy in page["AttachedPolicies"]]
    return {"ManagedPolicyArns": found}


@kind("AWS::IAM::InstanceProfile", defaults={"Path": "/"}, unread=("InstanceProfileName",))
def instance_profile(aws: Aws, resource: Resource) -> Properties:
    """Read an instance profile."""
    there = aws.iam.get_instance_profile(InstanceProfileName=resource.id)["InstanceProfile"]
    return {"Path": there["Path"], "Roles": [role["RoleName"] for role in there["Roles"]]}


@kind(_MANAGED, defaults={"Path": "/"}, unread=("ManagedPolicyName", "Tags"))
def managed_policy(aws: Aws, resource: Resource) -> Properties:
    """Read a managed policy, the version that is in force."""
    there = aws.iam.get_policy(PolicyArn=resource.id)["Policy"]
    version = aws.iam.get_policy_version(
        PolicyArn=resource.id, VersionId=there["DefaultVersionId"]
    )["PolicyVersion"]
    return {
        **pick(there, "Path", "Description"),
        "PolicyDocument": version["Document"],
    }


@part(_MANAGED, "Roles", "Users", "Groups")
def attachments(aws: Aws, resource: Resource) -> Properties:
    """Read who has a managed policy.

    One that the template gives to nobody is made to be attached by hand.
    """
    if not any(resource.properties.get(name) for name in ("Roles", "Users", "Groups")):
        return {}
    pages = list(aws.iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=resource.id))
    return {
        "Roles": [each.get("RoleName") for page in pages for each in page["PolicyRoles"]],
        "Users": [each.get("UserName") for page in pages for each in page["PolicyUsers"]],
        "Groups": [each.get("GroupName") for page in pages for each in page["PolicyGroups"]],
    }
