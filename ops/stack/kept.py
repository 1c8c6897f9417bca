"""What is older than the stack and outlives it: the repository and the log group.

CloudFormation takes both over where they exist, but applies no property then. So their settings are
put here; a test compares them with scripts/aws/template.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.console import FOR_PEOPLE, Answer
from ops.names import log_group_of, repository_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef
    from mypy_boto3_ecr.type_defs import RepositoryTypeDef

MUTABILITY: Final = "IMMUTABLE"
DEPLOYED_TAG = "deployed-"
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "the last 100 images that were deployed",
            "selection": {
                "tagStatus": "tagged",
                "tagPrefixList": [DEPLOYED_TAG],
                "countType": "imageCountMoreThan",
                "countNumber": 100,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": "the last 50 of the others",
            "selection": {
                "tagStatus": "any",
                "countType": "imageCountMoreThan",
                "countNumber": 50,
            },
            "action": {"type": "expire"},
        },
    ]
}
_KEPT = {"Repository", "LogGroup"}


def are_imported(changes: Iterable[ResourceChangeTypeDef]) -> bool:
    """Whether a change set takes the repository or the log group over as they are."""
    return any(
        change["Action"] == "Import" and change["LogicalResourceId"] in _KEPT for change in changes
    )


def prepare(aws: Aws, parameters: Mapping[str, str], answer: Answer = FOR_PEOPLE) -> str:
    """Make the repository and the log group, or give those that exist the template's settings.

    Returns:
        The repository's URI, to which an image is pushed.

    """
    group, days = log_group_of(parameters), int(parameters["RetentionDays"])
    repository = _repository(aws, repository_of(parameters))
    name = repository["repositoryName"]
    aws.ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(LIFECYCLE))
    answer.note(f"repository {name}: tags are {MUTABILITY}, images are scanned, old ones expire")
    try:
        aws.logs.create_log_group(logGroupName=group)
    except ClientError as error:
        if code_of(error) != "ResourceAlreadyExistsException":
            raise
    aws.logs.put_retention_policy(logGroupName=group, retentionInDays=days)
    answer.note(f"log group {group}: kept for {days} days")
    return repository["repositoryUri"]


def _repository(aws: Aws, name: str) -> RepositoryTypeDef:
    try:
        found = aws.ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    except ClientError as error:
        if code_of(error) != "RepositoryNotFoundException":
            raise
        return aws.ecr.create_repository(
            repositoryName=name,
            imageTagMutability=MUTABILITY,
            imageScanningConfiguration={"scanOnPush": True},
        )["repository"]
    aws.ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=MUTABILITY)
    aws.ecr.put_image_scanning_configuration(
        repositoryName=name, imageScanningConfiguration={"scanOnPush": True}
    )
    return found
