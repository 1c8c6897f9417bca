"""What scripts/push-image asks of ECR: a password, a tag's digest, what the scan found."""
# ruff: noqa: INP001 (scripts are run, not imported)

from __future__ import annotations

import argparse
import base64
import re
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import boto3
from botocore.exceptions import BotoCoreError, ClientError

# boto3 makes its clients' classes at run time.
EcrClient: TypeAlias = Any

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(-fips)?[.-](?P<region>[a-z0-9-]+?)"
    r"\.(amazonaws\.com(\.cn)?|on\.aws)/(?P<name>.+)"
)
_SCAN_S = 300
_POLL_S = 5
_ENDED = {"COMPLETE", "ACTIVE"}
_NO_SCAN = {"FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE"}


def main() -> int:
    """Answer one question on stdout; everything else goes to stderr."""
    parser = argparse.ArgumentParser(prog="push-image")
    parser.add_argument("question", choices=["password", "digest", "scan"])
    parser.add_argument("repository")
    parser.add_argument("--tag")
    parser.add_argument("--digest")
    parser.add_argument("--allow-critical", action="store_true")
    options = parser.parse_args()
    match = _URI.fullmatch(options.repository)
    if match is None:
        return _fail(f"{options.repository} is no ECR repository", 64)
    repository = {"registryId": match["account"], "repositoryName": match["name"]}
    try:
        client = boto3.client("ecr", region_name=match["region"])
        if options.question == "password":
            sys.stdout.write(password(client))
        elif options.question == "digest":
            sys.stdout.write(digest_of(client, repository, options.tag) or "")
        else:
            return scan(client, repository, options.digest, allow_critical=options.allow_critical)
    except (BotoCoreError, ClientError) as error:
        return _fail(f"{match['name']} in {match['region']}: {error}", 69)
    return 0


def password(client: EcrClient) -> str:
    """Return a registry password, good for 12 hours. The user is `AWS`."""
    token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2]


def digest_of(client: EcrClient, repository: dict[str, str], tag: str) -> str | None:
    """Return the digest of the image with this tag; None where there is none."""
    try:
        found = client.describe_images(**repository, imageIds=[{"imageTag": tag}])
    except client.exceptions.ImageNotFoundException:
        return None
    return str(found["imageDetails"][0]["imageDigest"])


def scan(
    client: EcrClient,
    repository: dict[str, str],
    digest: str,
    *,
    allow_critical: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait for ECR's scan and report what it found; 1 where that is critical, or never came."""
    image = {"imageDigest": digest}
    is_started = False
    for _ in range(_SCAN_S // _POLL_S):
        try:
            answer = client.describe_image_scan_findings(**repository, imageId=image)
            status = answer["imageScanStatus"]["status"]
        except client.exceptions.ScanNotFoundException:
            status = "NONE"
        if status in _ENDED:
            return _judge(answer["imageScanFindings"], allow_critical=allow_critical)
        if status in _NO_SCAN:
            reason = answer["imageScanStatus"].get("description", status)
            return _fail(f"ECR cannot scan this image: {reason}", 0 if allow_critical else 1)
        if status == "NONE" and not is_started:
            # The repository does not scan by itself, or has not begun to.
            is_started = _ask_for_scan(client, repository, image)
        sleep(_POLL_S)
    return _fail(f"no end of ECR's scan within {_SCAN_S} s: look at {digest} later", 1)


def _ask_for_scan(client: EcrClient, repository: dict[str, str], image: dict[str, str]) -> bool:
    try:
        client.start_image_scan(**repository, imageId=image)
    except ClientError as error:
        # Enhanced scanning begins by itself, and a scan a day is allowed: then it is waited for.
        if error.response["Error"]["Code"] not in {"ValidationException", "LimitExceededException"}:
            raise
    return True


def _judge(findings: dict[str, Any], *, allow_critical: bool) -> int:
    counts = findings.get("findingSeverityCounts") or {}
    summary = ", ".join(f"{count} {severity}" for severity, count in sorted(counts.items()))
    _say(f"ECR's scan found: {summary or 'nothing'}")
    if counts.get("CRITICAL") and not allow_critical:
        return _fail("a CRITICAL finding: do not deploy this (--allow-critical accepts it)", 1)
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"push-image: {text}\n")


def _fail(text: str, status: int) -> int:
    _say(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
