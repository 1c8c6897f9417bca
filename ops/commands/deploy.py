"""Deploys the Batch system: scripts/aws/template.yaml with an image pinned by digest."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.console import Answer, warn
from ops.errors import OK, NotThereError, OpsError, UsageError
from ops.names import (
    BATCH_SERVICE,
    SERVICE_ROLE,
    STACK,
    definition_of,
    queue_of,
    repository_of,
)
from ops.stack.body import template_body
from ops.stack.change_set import (
    ChangeSet,
    check_state,
    execute,
    find_stack,
    is_being_updated,
    merge_parameters,
    parameters_of,
    propose,
    show_changes,
    withdraw,
)
from ops.stack.check import DISK_PARAMETERS, check_names, fair_share, small_disk
from ops.stack.image import check_pinned, find_previous, keep_image, register_beside
from ops.stack.kept import are_imported, prepare

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

IMAGE = "ImageUri"
_WAIT_S = 1800.0

EPILOG = """\
A parameter that is not given keeps its value. Examples:

  scripts/deploy --prepare
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
        "--rollback",
        action="store_true",
        help="deploy the image that ran before this one; also while the stack is being updated",
    )
    what.add_argument(
        "--prepare",
        action="store_true",
        help="make the repository and the log group, before a first deployment, and end",
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
    parser.add_argument("--json", action="store_true", help="JSON lines, for other programs")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Show the changes, execute them unless it is a dry run, print the outputs."""
    answer = Answer(as_json=arguments.json)
    given = read_parameters(arguments.parameter)
    if arguments.image:
        given[IMAGE] = check_pinned(arguments.image)
    stack = find_stack(aws, arguments.stack)
    creates = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    current = {} if stack is None or creates else parameters_of(stack)
    template = template_body()
    known = _template_parameters(aws, template)
    if arguments.prepare:
        uri = prepare(aws, _effective(given, known, current), answer)
        answer.show("prepared", f"Push the image to {uri}", repository=uri)
        return OK
    if arguments.rollback:
        if stack is None or creates:
            raise NotThereError(
                f"there is no stack {arguments.stack} in {aws.region}: nothing to roll back"
            )
        if is_being_updated(stack["StackStatus"]):
            return _roll_back_beside(aws, stack, answer, dry_run=arguments.dry_run)
        given[IMAGE] = find_previous(aws, definition_of(current), current.get(IMAGE, ""))
        _show_rollback(answer, given[IMAGE])
    if stack is not None:
        check_state(arguments.stack, stack["StackStatus"])
    check_parameters(given, known, current)
    _fit(given, known, current, answer)
    _need_service_role(aws, answer, dry_run=arguments.dry_run)
    proposal = propose(
        aws,
        arguments.stack,
        template=template,
        parameters=merge_parameters(given, known, current),
        creates=creates,
    )
    if proposal is None:
        text = "Nothing to change: the stack equals the template with these parameters."
        answer.show("unchanged", text, stack=arguments.stack)
        return OK
    return _conclude(aws, proposal, _effective(given, known, current), arguments, answer)


def _conclude(
    aws: Aws,
    proposal: ChangeSet,
    parameters: Mapping[str, str],
    arguments: argparse.Namespace,
    answer: Answer,
) -> int:
    """Show the changes, and make them or withdraw them."""
    show_changes(proposal.changes, answer)
    if arguments.dry_run:
        withdraw(aws, proposal)
        _show_dry_run(answer)
        return OK
    try:
        keep_image(aws, parameters[IMAGE], repository=repository_of(parameters), answer=answer)
    except OpsError:
        withdraw(aws, proposal)
        raise
    if are_imported(proposal.changes):
        prepare(aws, parameters, answer)
    _show_stack(execute(aws, proposal, wait_s=arguments.wait, answer=answer), answer)
    return OK


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


def _show_stack(stack: StackTypeDef, answer: Answer) -> None:
    for each in stack.get("Outputs", ()):
        name, value = each["OutputKey"], each["OutputValue"]
        answer.show("output", f"{name:14} {value}", name=name, value=value)
    name, status = stack["StackName"], stack["StackStatus"]
    text = f"The stack {name} is {status}. Check it with scripts/verify."
    answer.show("deployed", text, stack=name, status=status)


def _show_rollback(answer: Answer, image: str) -> None:
    answer.show("rollback", f"rolling back to {image}", image=image)


def _show_dry_run(answer: Answer) -> None:
    answer.note("Nothing was changed (--dry-run).")


def _effective(
    given: Mapping[str, str], known: Mapping[str, str | None], current: Mapping[str, str]
) -> dict[str, str]:
    defaults = {name: value for name, value in known.items() if value is not None}
    return {**defaults, **{n: v for n, v in current.items() if n in known}, **given}


def _fit(
    given: dict[str, str],
    known: Mapping[str, str | None],
    current: Mapping[str, str],
    answer: Answer,
) -> None:
    """Refuse parameters that do not fit together, and give `given` what the queue forces."""
    forced = fair_share(current, given)
    if forced is not None and "FairShare" not in current and "FairShare" not in given:
        given["FairShare"] = forced
        answer.note(
            f"FairShare={forced}: the queue {queue_of(current)} was made first in, first out, and"
            " stays so (docs/deployment.md, Fair share)"
        )
    parameters = _effective(given, known, current)
    check_names(current, parameters)
    fault = small_disk(parameters)
    if fault is None:
        return
    if not current or DISK_PARAMETERS & set(given):
        raise UsageError(fault)
    warn(f"deploy: {fault}")


def _roll_back_beside(aws: Aws, stack: StackTypeDef, answer: Answer, *, dry_run: bool) -> int:
    """Give new jobs the image before while the stack is being changed and takes no change."""
    definition = definition_of(parameters_of(stack))
    image = find_previous(aws, definition)
    _show_rollback(answer, image)
    if dry_run:
        _show_dry_run(answer)
        return OK
    revision = register_beside(aws, definition, image)
    answer.show(
        "registered",
        f"New jobs run it from now on: {definition}:{revision} was registered beside the stack"
        f" {stack['StackName']}, which is {stack['StackStatus']}. When that has ended, make it the"
        f" stack's own: scripts/deploy --stack {stack['StackName']} --image {image}",
        definition=f"{definition}:{revision}",
        image=image,
    )
    return OK


def _template_parameters(aws: Aws, template: str) -> dict[str, str | None]:
    summary = aws.cloudformation.get_template_summary(TemplateBody=template)
    return {p["ParameterKey"]: p.get("DefaultValue") for p in summary["Parameters"]}


def _need_service_role(aws: Aws, answer: Answer, *, dry_run: bool) -> None:
    """Create Batch's own role where this account has never used Batch."""
    try:
        aws.iam.get_role(RoleName=SERVICE_ROLE)
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        creating = "would create" if dry_run else "creating"
        answer.note(f"{creating} Batch's service-linked role {SERVICE_ROLE}")
        if not dry_run:
            aws.iam.create_service_linked_role(AWSServiceName=BATCH_SERVICE)
