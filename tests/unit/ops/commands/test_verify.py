"""What scripts/verify shows and ends with."""

from __future__ import annotations

import json

import pytest

from ops.commands.verify import Group, conclude
from ops.console import Answer
from ops.verify.compare import Comparison
from ops.verify.report import Unknown

FINE = Comparison(name="Queue Priority", expected="1", found="1")
OTHER = Comparison(name="Queue State", expected="ENABLED", found="ENABLED")
DRIFT = Comparison(name="Queue State", expected="ENABLED", found="DISABLED")
UNKNOWN = Unknown(name="Queue", reason="permission missing")


@pytest.mark.parametrize(
    ("lines", "status", "text"),
    [
        ([FINE], 0, "1 of 1 values are as expected"),
        ([FINE, DRIFT], 1, "1 of 2 values are as expected, 1 are not"),
        ([FINE, UNKNOWN], 69, "1 of 2 values are as expected, 1 could not be found out"),
        (
            [DRIFT, UNKNOWN],
            1,
            "0 of 2 values are as expected, 1 are not, 1 could not be found out",
        ),
    ],
)
def test_the_status_is_1_for_drift_alone(
    capsys: pytest.CaptureFixture[str],
    lines: list[Comparison | Unknown],
    status: int,
    text: str,
) -> None:
    assert conclude(lines) == status
    assert capsys.readouterr().out == f"{text}.\n"


def test_a_resource_as_expected_is_one_line_and_drift_one_for_each_value() -> None:
    group = Group(name="Queue (q)", lines=[FINE, OTHER, DRIFT, UNKNOWN])
    differing = [
        "DRIFT Queue State: expected ENABLED, found DISABLED",
        "UNKNOWN Queue: permission missing",
    ]
    assert list(group.describe(all_values=False)) == ["ok    Queue (q): 2 values", *differing]
    assert list(group.describe(all_values=True)) == [
        "ok    Queue Priority: 1",
        "ok    Queue State: ENABLED",
        *differing,
    ]
    assert list(Group(name="x", lines=[FINE]).describe(all_values=False)) == [
        "ok    Queue Priority: 1"
    ]


def test_a_program_gets_what_a_person_sees(capsys: pytest.CaptureFixture[str]) -> None:
    group = Group(name="Queue (q)", lines=[FINE, DRIFT, UNKNOWN])
    drift = {"name": "Queue State", "state": "drift", "expected": "ENABLED", "found": "DISABLED"}
    unknown = {"name": "Queue", "state": "unknown", "reason": "permission missing"}
    fine = {"name": "Queue Priority", "state": "ok", "expected": "1", "found": "1"}
    known = {"event": "value", "resource": "Queue (q)"}
    assert list(group.records(all_values=False)) == [known | drift, known | unknown]
    assert next(group.records(all_values=True)) == known | fine
    assert conclude(group.lines, Answer(as_json=True)) == 1
    counts = {"event": "verified", "values": 3, "drift": 1, "unknown": 1}
    assert json.loads(capsys.readouterr().out) == counts
