"""Drift: values that were found, compared with the expected ones."""

from __future__ import annotations

from typing import Any

import pytest

from ops.commands.verify import compare
from ops.stack.actual import read_environment
from tests.unit.batch_shapes import environment_detail
from tests.unit.ops.stack.parameters import under


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        ({"maxvCpus": 16}, "vCPUs: expected 0 to 64, found 0 to 16"),
        ({"instanceTypes": ["c5"]}, "architecture: expected arm64, found not arm64: c5"),
        ({"ec2Configuration": []}, "image type: expected ECS_AL2023, found "),
        ({"type": "SPOT"}, "type: expected MANAGED EC2, found MANAGED SPOT"),
    ],
)
def test_each_changed_value_is_named(change: dict[str, Any], drift: str) -> None:
    expected = under("compute environment academy-video-batch-ce-v3 ")
    compared = compare(expected, read_environment(environment_detail(**change)))
    assert f"DRIFT {drift}" in [str(c) for c in compared if c.is_drift]


def test_what_is_not_there_at_all_is_drift() -> None:
    (comparison,) = compare({"queue state": "ENABLED"}, {})
    assert comparison.is_drift
    assert str(comparison) == "DRIFT queue state: expected ENABLED, found nothing"


def test_a_value_as_expected_is_no_drift() -> None:
    (comparison,) = compare({"template": "DRIFT"}, {"template": "DRIFT"})
    assert not comparison.is_drift
    assert str(comparison) == "ok    template: DRIFT"
