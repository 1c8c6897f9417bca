"""What is expected of a deployed system with given parameters."""

from __future__ import annotations

import pytest

from ops import names
from ops.stack.expected import architecture, expect, near_deadline_pattern, words
from tests.unit.ops.stack.parameters import PARAMETERS
from tests.unit.ops.template import read_template


@pytest.mark.parametrize("name", ["c6g", "c7g.2xlarge", "c7gn", "m8g", "t4g.small", "x2gd", "a1"])
def test_gravitons_are_arm64(name: str) -> None:
    assert architecture([name]) == "arm64"


@pytest.mark.parametrize("name", ["c6i", "g4dn.xlarge", "g5", "c6a", "optimal", "m5"])
def test_others_are_not(name: str) -> None:
    assert architecture(["c6g", name]) == f"not arm64: {name}"


def test_lists_are_compared_in_one_order() -> None:
    assert words("c7g, c6g.large") == "c6g.large, c7g"


def test_the_warning_follows_its_parameter() -> None:
    assert "$.elapsed_s > 12960 " in near_deadline_pattern(PARAMETERS)


def test_the_secrets_that_are_expected_are_those_of_the_template() -> None:
    """With a secret for each parameter that names one."""
    properties = read_template()["Resources"]["JobDefinition"]["Properties"]
    listed = properties["ContainerProperties"]["Secrets"]["Fn::If"][1]
    secrets = [each["Fn::If"][1] for each in listed]
    arns = {
        name: f"arn-of-{name}" for name in (*names.STORE_SECRETS.values(), *names.SECRETS.values())
    }
    found = []
    for secret in secrets:
        value = secret["ValueFrom"]["Fn::Sub"]
        for name, arn in arns.items():
            value = value.replace(f"${{{name}}}", arn)
        found.append(f"{secret['Name']} {value}")
    expected = expect({**PARAMETERS, **arns})
    assert expected[f"job definition {names.JOB_DEFINITION} secrets"] == ", ".join(sorted(found))
