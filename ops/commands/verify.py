"""Holds the deployed system against the template, a line for each value."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from ops.aws import Aws
from ops.console import say
from ops.errors import DRIFT, OK, NotThereError
from ops.names import STACK, TEMPLATE
from ops.stack.actual import find
from ops.stack.change_set import DEPLOYED, find_stack, parameters_of
from ops.stack.expected import expect

_NOTHING = "nothing"

EPILOG = """\
The exit status is 0 when all is as it should be, and 1 on drift. Example:

  scripts/verify --profile academy
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the stack's name."""
    parser.add_argument("--stack", default=STACK, metavar="NAME", help="(default: %(default)s)")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Print a line for each value; 1 where one is not as it should be."""
    stack = find_stack(aws, arguments.stack)
    if stack is None:
        raise NotThereError(
            f"there is no stack {arguments.stack} in {aws.region}; check --region and --stack, or"
            " make it with scripts/deploy"
        )
    parameters = parameters_of(stack)
    body = aws.cloudformation.get_template(StackName=arguments.stack)["TemplateBody"]
    is_ours = str(body).strip() == TEMPLATE.read_text(encoding="utf-8").strip()
    status = stack["StackStatus"]
    lines = compare(
        {"stack": "deployed", "template": "scripts/aws/template.yaml", **expect(parameters)},
        {
            "stack": "deployed" if status in DEPLOYED else status,
            "template": "scripts/aws/template.yaml" if is_ours else "another (scripts/deploy)",
            **find(aws, parameters),
        },
    )
    for line in lines:
        say(line)
    drifts = sum(line.startswith("DRIFT") for line in lines)
    say(f"{len(lines) - drifts} of {len(lines)} as they should be.")
    return DRIFT if drifts else OK


def compare(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Say `ok` or `DRIFT` of each expected value."""
    lines = []
    for name, value in expected.items():
        there = found.get(name, _NOTHING)
        lines.append(
            f"ok    {name}: {value}"
            if there == value
            else f"DRIFT {name}: expected {value}, found {there}"
        )
    return lines
