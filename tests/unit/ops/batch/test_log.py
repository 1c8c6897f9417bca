"""Lines of a job's log: shown, and read for the worker's last one."""

from __future__ import annotations

import json

from ops.batch.log import FinishedLine, Line, find_finished
from worker.errors import Resubmit
from worker.monitoring.logs import FINISHED


def line(**event: object) -> Line:
    return Line(timestamp_ms=1_700_000_300_000, text=json.dumps(event))


LAST = {"event": FINISHED, "outcome": "no_source", "exit_status": 66, "message": "gone"}


def test_the_last_line_is_read_as_an_outcome() -> None:
    finished = find_finished([line(event="step_started"), line(**LAST, resubmit="after_fix")])
    assert finished is not None
    assert (finished.name, finished.exit_status) == ("no_source", 66)
    assert finished.resubmit is Resubmit.AFTER_FIX


def test_other_lines_are_not_taken_for_it() -> None:
    other = {**LAST, "event": "step_finished"}
    lines = [Line(timestamp_ms=0, text="Traceback"), line(**other), line(event=FINISHED)]
    assert find_finished(lines) is None


def test_the_newest_of_several_counts() -> None:
    lines = [line(**LAST), line(**{**LAST, "exit_status": 69}), line(event="x")]
    finished = find_finished(lines)
    assert finished is not None
    assert finished.exit_status == 69


def test_the_event_is_the_one_that_the_worker_logs() -> None:
    assert FinishedLine.model_fields["event"].annotation is not None
    assert FinishedLine.model_validate(LAST).event == FINISHED


def test_a_line_is_shown_by_its_time_level_event_and_fields() -> None:
    shown = str(line(event="step_started", level="info", step="probe", n=1))
    assert shown == "22:18:20 info    step_started step=probe n=1"
    assert str(Line(timestamp_ms=1_700_000_300_000, text="plain")) == "22:18:20 plain"
