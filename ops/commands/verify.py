"""Compares the deployed system with the stack's template, a line for each value."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.aws import Aws
from ops.console import FOR_PEOPLE, Answer, say, show_json
from ops.errors import DRIFT, OK, NotThereError, UnreachableError, UsageError
from ops.names import STACK
from ops.stack.body import template_body
from ops.stack.change_set import DEPLOYED, find_stack, parameters_of
from ops.verify.beside import image, network
from ops.verify.cloudformation import detect
from ops.verify.compare import Comparison
from ops.verify.expected import Stack, expect
from ops.verify.report import Line, Unknown, guarded, verify
from ops.verify.template import parse_template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_SAME_TEMPLATE = "scripts/aws/template.yaml"
_WAIT_S = 300.0

EPILOG = """\
The exit status is 0 where every value is as expected, 1 on drift, and 69 where nothing drifted but
something could not be found out. Examples:

  scripts/verify --profile academy
  scripts/verify --all                      values as expected, too
  scripts/verify --cloudformation-drift     and what CloudFormation finds
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """What was found of one resource."""

    name: str
    lines: Sequence[Line]

    def describe(self, *, all_values: bool) -> Iterator[str]:
        """Yield a line for each value, or one for all that are as expected."""
        fine = [line for line in self.lines if isinstance(line, Comparison) and not line.is_drift]
        if fine and not all_values:
            single = len(fine) == 1 and len(self.lines) == 1
            yield str(fine[0]) if single else f"ok    {self.name}: {len(fine)} values"
        yield from (str(line) for line in self.lines if all_values or line not in fine)

    def records(self, *, all_values: bool) -> Iterator[dict[str, str]]:
        """Yield each value for a program; those as expected where all are asked for."""
        for line in self.lines:
            if isinstance(line, Unknown):
                found = {"state": "unknown", "reason": line.reason}
            elif line.is_drift or all_values:
                state = "drift" if line.is_drift else "ok"
                found = {"state": state, "expected": line.expected, "found": line.found}
            else:
                continue
            yield {"event": "value", "resource": self.name, "name": line.name, **found}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the stack's name, and what to show."""
    parser.add_argument("--stack", default=STACK, metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="show each value that is as expected")
    parser.add_argument(
        "--cloudformation-drift",
        action="store_true",
        help="have CloudFormation compare the stack, too; that takes some minutes",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=_WAIT_S,
        metavar="SECONDS",
        help="time limit of CloudFormation's comparison (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="JSON lines, for other programs")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Print what was found; 1 where a value is not as expected."""
    if arguments.wait <= 0:
        raise UsageError(f"--wait {arguments.wait:g}: must be above 0")
    found = find_stack(aws, arguments.stack)
    if found is None:
        raise NotThereError(
            f"there is no stack {arguments.stack} in {aws.region}; check --region and --stack, or"
            " create it with scripts/deploy"
        )
    answer = Answer(as_json=arguments.json)
    lines: list[Line] = []
    for group in compare_stack(aws, found):
        _show(group, answer, all_values=arguments.all)
        lines += group.lines
    if arguments.cloudformation_drift:
        detected = guarded(
            "CloudFormation", lambda: detect(aws, arguments.stack, wait_s=arguments.wait)
        )
        _show(Group(name="CloudFormation", lines=detected), answer, all_values=True)
        lines += detected
    return conclude(lines, answer)


def _show(group: Group, answer: Answer, *, all_values: bool) -> None:
    if answer.as_json:
        for record in group.records(all_values=all_values):
            show_json(record)
        return
    for text in group.describe(all_values=all_values):
        say(text)


def conclude(lines: Sequence[Line], answer: Answer = FOR_PEOPLE) -> int:
    """Print how many values are as expected, and return the exit status."""
    unknown = sum(isinstance(line, Unknown) for line in lines)
    drifts = sum(isinstance(line, Comparison) and line.is_drift for line in lines)
    text = f"{len(lines) - drifts - unknown} of {len(lines)} values are as expected"
    text += f", {drifts} are not" if drifts else ""
    text += f", {unknown} could not be found out" if unknown else ""
    counts = {"values": len(lines), "drift": drifts, "unknown": unknown}
    answer.show("verified", f"{text}.", **counts)
    if drifts:
        return DRIFT
    return UnreachableError.exit_status if unknown else OK


def compare_stack(aws: Aws, found: StackTypeDef) -> Iterator[Group]:
    """Yield each resource of a stack, and what is beside them, as it was found.

    Raises:
        UnreachableError: AWS's answer is no template.

    """
    name = found["StackName"]
    body = read_template(aws, name)
    is_same = str(body).strip() == template_body().strip()
    try:
        template = parse_template(body)
    except ValueError as error:
        raise UnreachableError(
            f"the template of the stack {name} cannot be read: {error}"
        ) from error
    stack = Stack(arn=found["StackId"], parameters=parameters_of(found), ids=find_ids(aws, name))
    status = found["StackStatus"]
    state = "deployed" if status in DEPLOYED else status
    tree = _SAME_TEMPLATE if is_same else "a different one (scripts/deploy)"
    yield _single(Comparison(name="stack", expected="deployed", found=state))
    yield _single(Comparison(name="template", expected=_SAME_TEMPLATE, found=tree))
    for resource in expect(aws, template, stack):
        yield Group(name=str(resource), lines=verify(aws, resource))
    for label, lines in (
        ("image", lambda: image(aws, stack.parameters)),
        ("network", lambda: network(aws, template, stack.parameters)),
    ):
        yield Group(name=label, lines=guarded(label, lines))


def read_template(aws: Aws, name: str) -> Any:  # noqa: ANN401 (text, or an object where it is JSON)
    """Return the template with which a stack was deployed last."""
    return aws.cloudformation.get_template(StackName=name)["TemplateBody"]


def find_ids(aws: Aws, name: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources, by their logical ones."""
    pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] != "DELETE_COMPLETE"
    }


def _single(comparison: Comparison) -> Group:
    return Group(name=comparison.name, lines=[comparison])
