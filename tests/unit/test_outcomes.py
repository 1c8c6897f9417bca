"""Exit statuses: unique, never zero, documented; every error becomes one of them."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from worker.errors import WorkerError
from worker.outcome import outcome_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
KINDS = WorkerError.__subclasses__()


def test_statuses_and_names_are_unique_and_not_zero() -> None:
    assert len({kind.exit_status for kind in KINDS}) == len(KINDS)
    assert len({kind.outcome for kind in KINDS}) == len(KINDS)
    assert all(0 < kind.exit_status < 256 for kind in KINDS)
    # 137 is the container's SIGKILL and 1 Python's own: neither may mean one of ours.
    assert {kind.exit_status for kind in KINDS}.isdisjoint({1, 2, 137})


def test_the_tree_in_the_docstring_is_true() -> None:
    import worker.errors

    drawn = dict(re.findall(r"── (\w+) +(\d+)", worker.errors.__doc__ or ""))
    assert drawn == {kind.__name__: str(kind.exit_status) for kind in KINDS}


def test_every_status_says_what_to_do_in_the_operators_page() -> None:
    page = (DOCS / "operations.md").read_text()
    korean = (DOCS.parent / "README.ko.md").read_text()
    for kind in KINDS:
        assert f"\n| {kind.exit_status} | `{kind.outcome}` |" in page, kind
        assert f"\n| {kind.exit_status} |" in korean, kind


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyError("x"), 70),
        (OSError(errno.ENOSPC, "No space left on device"), 73),
        (OSError(errno.EIO, "Input/output error"), 70),
        *[(kind("why"), kind.exit_status) for kind in KINDS],
    ],
)
def test_every_error_has_an_outcome(error: Exception, status: int) -> None:
    outcome = outcome_of(error)
    assert outcome.exit_status == status
    assert outcome.message
