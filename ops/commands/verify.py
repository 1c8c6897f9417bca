"""Compares the deployed system with the template, a line for each value."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from ops.aws import Aws
from ops.console import say
from ops.errors import DRIFT, OK, NotThereError
from ops.names import STACK
from ops.stack.actual import find
from ops.stack.body import template_body
from ops.stack.change_set import DEPLOYED, find_stack, parameters_of
from ops.stack.expected import expect

_NOTHING = "nothing"
_SAME_TEMPLATE = "scripts/aws/template.yaml"

EPILOG = """\
The exit status is 0 where every value is as expected, and 1 on drift. Example:

  scripts/verify --profile academy
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One value of the deployed system beside the expected one."""

    name: str
    expected: str
    found: str

    @property
    def is_drift(self) -> bool:
        """Whether they differ."""
        return self.found != self.expected

    def __str__(self) -> str:
        if self.is_drift:
            return f"DRIFT {self.name}: expected {self.expected}, found {self.found}"
        return f"ok    {self.name}: {self.expected}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the stack's name."""
    parser.add_argument("--stack", default=STACK, metavar="NAME", help="(default: %(default)s)")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Print a line for each value; 1 where one is not as expected."""
    stack = find_stack(aws, arguments.stack)
    if stack is None:
        raise NotThereError(
            f"there is no stack {arguments.stack} in {aws.region}; check --region and --stack, or"
            " create it with scripts/deploy"
        )
    parameters = parameters_of(stack)
    body = aws.cloudformation.get_template(StackName=arguments.stack)["TemplateBody"]
    is_same = str(body).strip() == template_body().strip()
    status = stack["StackStatus"]
    comparisons = compare(
        {"stack": "deployed", "template": _SAME_TEMPLATE, **expect(parameters)},
        {
            "stack": "deployed" if status in DEPLOYED else status,
            "template": _SAME_TEMPLATE if is_same else "a different one (scripts/deploy)",
            **find(aws, parameters),
        },
    )
    for comparison in comparisons:
        say(str(comparison))
    drifts = sum(comparison.is_drift for comparison in comparisons)
    say(f"{len(comparisons) - drifts} of {len(comparisons)} values are as expected.")
    return DRIFT if drifts else OK


def compare(expected: Mapping[str, str], found: Mapping[str, str]) -> list[Comparison]:
    """Compare each expected value with what was found under its name."""
    return [
        Comparison(name=name, expected=value, found=found.get(name, _NOTHING))
        for name, value in expected.items()
    ]
