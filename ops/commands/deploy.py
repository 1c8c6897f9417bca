"""Deploys the Batch system: scripts/aws/template.yaml with an image pinned by digest."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.console import say
from ops.errors import OK, NotThereError, UsageError
from ops.names import BATCH_SERVICE, JOB_DEFINITION, SERVICE_ROLE, STACK, TEMPLATE
from ops.stack.change_set import (
    check_state,
    describe_changes,
    execute,
    find_stack,
    merge_parameters,
    parameters_of,
    propose,
    withdraw,
)

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

IMAGE = "ImageUri"
_PINNED = re.compile(r"^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$")
_WAIT_S = 1800.0

EPILOG = """\
A parameter that is not given keeps its value. Examples:

  scripts/deploy --image ID.dkr.ecr.ap-northeast-2.amazonaws.com/academy-video-worker@sha256:... \\
    --parameter SourceBucket=uploads --parameter DestinationBucket=videos \\
    --parameter SubnetIds=subnet-1,subnet-2 --parameter SecurityGroupIds=sg-1
  scripts/deploy --image ...@sha256:... --dry-run
  scripts/deploy --parameter MaxVcpus=128
  scripts/deploy --rollback
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to deploy, and how."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--image", metavar="URI@sha256:…", help="the image, pinned by its digest")
    what.add_argument(
        "--rollback", action="store_true", help="deploy the image that ran before this one"
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of scripts/aws/template.yaml, which describes each",
    )
    parser.add_argument("--stack", default=STACK, metavar="NAME", help="(default: %(default)s)")
    parser.add_argument(
        "--dry-run", action="store_true", help="show the changes, then delete the change set"
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=_WAIT_S,
        metavar="SECONDS",
        help="time limit of waiting for the deployment (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Show the changes, execute them unless it is a dry run, print the outputs."""
    given = read_parameters(arguments.parameter)
    if arguments.image:
        given[IMAGE] = check_pinned(arguments.image)
    stack = find_stack(aws, arguments.stack)
    if stack is not None:
        check_state(arguments.stack, stack["StackStatus"])
    if arguments.rollback:
        given[IMAGE] = _previous(aws, stack, arguments.stack)
        say(f"rolling back to {given[IMAGE]}")
    creates = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    current = {} if stack is None or creates else parameters_of(stack)
    template = TEMPLATE.read_text(encoding="utf-8")
    known = _template_parameters(aws, template)
    check_parameters(given, known, current)
    _need_service_role(aws, dry_run=arguments.dry_run)
    proposal = propose(
        aws,
        arguments.stack,
        template=template,
        parameters=merge_parameters(given, known, current),
        creates=creates,
    )
    if proposal is None:
        say("Nothing to change: the stack equals the template with these parameters.")
        return OK
    for line in describe_changes(proposal.changes):
        say(line)
    if arguments.dry_run:
        withdraw(aws, proposal)
        say("Nothing was changed (--dry-run).")
        return OK
    for line in describe_outputs(execute(aws, proposal, wait_s=arguments.wait)):
        say(line)
    return OK


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


def read_parameters(words: Sequence[str]) -> dict[str, str]:
    """Read arguments of the form NAME=VALUE."""
    pairs = [word.partition("=") for word in words]
    if faulty := [name for name, equals, _ in pairs if not name or not equals]:
        raise UsageError(f"--parameter {faulty[0]}: write NAME=VALUE")
    given = {name: value for name, _, value in pairs}
    if IMAGE in given:
        check_pinned(given[IMAGE])
    return given


def check_parameters(
    given: Mapping[str, str], known: Mapping[str, str | None], current: Mapping[str, str]
) -> None:
    """Refuse unknown and missing parameters; `known` holds the template's, with defaults.

    Raises:
        UsageError: with all of them.

    """
    unknown = sorted(set(given) - set(known))
    missing = sorted(
        n for n, default in known.items() if default is None and n not in {*given, *current}
    )
    faults = [f"--parameter {name}: the template has no such parameter" for name in unknown]
    faults += [
        "--image is needed for the first deployment"
        if n == IMAGE
        else f"--parameter {n}= is needed"
        for n in missing
    ]
    if faults:
        raise UsageError("; ".join(faults))


def previous_image(revisions: Sequence[JobDefinitionTypeDef], current: str) -> str | None:
    """Return the image that ran before `current`: Batch keeps old revisions for months."""
    newest_first = sorted(revisions, key=lambda d: d["revision"], reverse=True)
    images = [d.get("containerProperties", {}).get("image", "") for d in newest_first]
    # Revisions that are newer than the current image's are not the one before it.
    if current in images:
        images = images[images.index(current) :]
    return next((i for i in images if i != current and _PINNED.match(i)), None)


def describe_outputs(stack: StackTypeDef) -> list[str]:
    """Describe the stack's outputs and status, as lines."""
    outputs = stack.get("Outputs", ())
    return [f"{o['OutputKey']:14} {o['OutputValue']}" for o in outputs] + [
        f"The stack {stack['StackName']} is {stack['StackStatus']}. Check it with scripts/verify."
    ]


def _previous(aws: Aws, stack: StackTypeDef | None, name: str) -> str:
    if stack is None:
        raise NotThereError(f"there is no stack {name} in {aws.region}: nothing to roll back")
    current = parameters_of(stack).get(IMAGE, "")
    pages = aws.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=JOB_DEFINITION
    )
    image = previous_image([d for page in pages for d in page["jobDefinitions"]], current)
    if image is None:
        raise NotThereError(
            f"no revision of {JOB_DEFINITION} has another image, pinned by digest, than"
            f" {current or 'none'}; name one with --image"
        )
    return image


def _template_parameters(aws: Aws, template: str) -> dict[str, str | None]:
    summary = aws.cloudformation.get_template_summary(TemplateBody=template)
    return {p["ParameterKey"]: p.get("DefaultValue") for p in summary["Parameters"]}


def _need_service_role(aws: Aws, *, dry_run: bool) -> None:
    """Create Batch's own role where this account has never used Batch."""
    try:
        aws.iam.get_role(RoleName=SERVICE_ROLE)
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        creating = "would create" if dry_run else "creating"
        say(f"{creating} Batch's service-linked role {SERVICE_ROLE}")
        if not dry_run:
            aws.iam.create_service_linked_role(AWSServiceName=BATCH_SERVICE)
