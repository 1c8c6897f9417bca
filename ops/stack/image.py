"""The image that is deployed: pinned, in the repository, kept there; and the one before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.console import FOR_PEOPLE, Answer, warn
from ops.errors import NotThereError, UsageError
from ops.stack.kept import DEPLOYED_TAG

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        JobDefinitionTypeDef,
        RegisterJobDefinitionRequestTypeDef,
    )

_PINNED = re.compile(r"^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$")
_ECR = re.compile(r"\d{12}\.dkr[.-]ecr[^/]*/(?P<name>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
# As it was pushed: ECR would convert a manifest of a type that is not accepted, which then has
# another digest.
_MEDIA_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]
_TAG_DIGITS = 12
_EXISTS = frozenset({"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"})


def check_pinned(image: str) -> str:
    """Return an image that is pinned by digest.

    Raises:
        UsageError: it is named by a tag, which may name another image later.

    """
    if not _PINNED.match(image):
        raise UsageError(
            f"--image {image}: not pinned by digest; write REPOSITORY@sha256:<64 hex digits>"
            " (scripts/push-image prints it)"
        )
    return image


def keep_image(aws: Aws, image: str, *, repository: str, answer: Answer = FOR_PEOPLE) -> None:
    """Tag an image as deployed, so that the repository's lifecycle does not delete it.

    An image of another registry is left alone.

    Raises:
        NotThereError: the repository exists and has no such image.

    """
    found = _ECR.fullmatch(image)
    if found is None or found["name"] != repository:
        warn(f"deploy: {image} is not in the repository {repository}: it is not tagged as deployed")
        return
    digest = found["digest"]
    try:
        there = aws.ecr.batch_get_image(
            repositoryName=repository,
            imageIds=[{"imageDigest": digest}],
            acceptedMediaTypes=_MEDIA_TYPES,
        )
    except ClientError as error:
        if code_of(error) != "RepositoryNotFoundException":
            raise
        warn(f"deploy: there is no repository {repository} yet: no job starts before {image} is in")
        return
    if not there["images"]:
        raise NotThereError(
            f"the repository {repository} has no image {digest}: push it (scripts/push-image), or"
            " name another one; `aws ecr describe-images` lists them"
        )
    manifest = there["images"][0]
    tag = DEPLOYED_TAG + digest.removeprefix("sha256:")[:_TAG_DIGITS]
    try:
        aws.ecr.put_image(
            repositoryName=repository,
            imageManifest=manifest["imageManifest"],
            imageManifestMediaType=manifest.get("imageManifestMediaType", _MEDIA_TYPES[-1]),
            imageTag=tag,
            imageDigest=digest,
        )
    except ClientError as error:
        if code_of(error) not in _EXISTS:
            raise
    answer.note(f"{repository}:{tag} keeps this image")


def previous_image(revisions: Sequence[JobDefinitionTypeDef], current: str) -> str | None:
    """Return the image that ran before `current`: Batch keeps old revisions for months.

    An image that is deployed again takes back those that came after it, as a rollback does: after
    a, b, c, b the one before b is a, and not the c that was rolled back.
    """
    ran: list[str] = []
    for revision in sorted(revisions, key=lambda d: d["revision"]):
        image = revision.get("containerProperties", {}).get("image", "")
        if image in ran:
            del ran[ran.index(image) + 1 :]
        else:
            ran.append(image)
    if current in ran:
        del ran[ran.index(current) :]
    return next((image for image in reversed(ran) if _PINNED.match(image)), None)


def find_previous(aws: Aws, definition: str, current: str | None = None) -> str:
    """Find the image that ran before the stack's, or before the newest revision's.

    Raises:
        NotThereError: there is none.

    """
    revisions = _revisions(aws, definition)
    if current is None and revisions:
        current = _newest(revisions).get("containerProperties", {}).get("image")
    image = previous_image(revisions, current or "")
    if image is None:
        raise NotThereError(
            f"no revision of {definition} has another image, pinned by digest, than"
            f" {current or 'none'}; name one with --image"
        )
    return image


def register_beside(aws: Aws, definition: str, image: str) -> int:
    """Register a revision that differs from the newest one in its image; return its number.

    For a stack that is being changed and takes no other change: jobs that name no revision get the
    newest one, whoever made it.
    """
    newest = _newest(_revisions(aws, definition))
    return aws.batch.register_job_definition(**_with_image(newest, image))["revision"]


def _revisions(aws: Aws, definition: str) -> list[JobDefinitionTypeDef]:
    pages = aws.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=definition
    )
    return [d for page in pages for d in page["jobDefinitions"]]


def _newest(revisions: Sequence[JobDefinitionTypeDef]) -> JobDefinitionTypeDef:
    active = [d for d in revisions if d.get("status", "ACTIVE") == "ACTIVE"]
    return max(active or revisions, key=lambda d: d["revision"])


def _with_image(
    definition: JobDefinitionTypeDef, image: str
) -> RegisterJobDefinitionRequestTypeDef:
    request: RegisterJobDefinitionRequestTypeDef = {
        "jobDefinitionName": definition["jobDefinitionName"],
        "type": "container",
        "parameters": definition.get("parameters", {}),
        "containerProperties": {**definition.get("containerProperties", {}), "image": image},
    }
    if "retryStrategy" in definition:
        request["retryStrategy"] = definition["retryStrategy"]
    if "platformCapabilities" in definition:
        request["platformCapabilities"] = definition["platformCapabilities"]
    if "timeout" in definition:
        request["timeout"] = definition["timeout"]
    if "schedulingPriority" in definition:
        request["schedulingPriority"] = definition["schedulingPriority"]
    if "tags" in definition:
        request["tags"] = definition["tags"]
    return request
