"""The state file survives whatever kills its process."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.bulk.state import RowEnd, State
from ops.errors import LaterError, UsageError


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "list.csv.state.jsonl"
    end = RowEnd(state="published", seconds=12.5)
    with State(path) as state:
        state.add("a", "submitting")
        state.add("a", "submitted", job_id="1")
        state.add("b", "submitting")
        state.add("a", "ended", job_id="1", end=end)
    with State(path) as state:
        assert state.last["a"].end == end
        assert state.last["b"].event == "submitting"


def test_a_line_that_was_torn_is_as_if_it_was_not_written(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    with State(path) as state:
        state.add("a", "submitting")
        state.add("a", "submitted", job_id="1")
    path.write_bytes(path.read_bytes()[:-20])
    with State(path) as state:
        assert state.last["a"].event == "submitting"
        state.add("b", "submitting")
    with State(path) as state:
        assert set(state.last) == {"a", "b"}


def test_two_processes_do_not_work_through_one_list(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    with State(path), pytest.raises(LaterError, match="another process"):
        State(path).__enter__()
    with State(path):
        pass


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--state"):
        State(tmp_path / "none" / "state.jsonl").__enter__()
