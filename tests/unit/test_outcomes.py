"""Exit statuses: unique, never zero, documented; every error becomes one of them."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from worker.errors import BadSourceError, SourceFault, WorkerError
from worker.messages import TEACHER_MESSAGES
from worker.outcome import outcome_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
KINDS = WorkerError.__subclasses__()


def test_statuses_and_names_are_unique_and_not_zero() -> None:
    assert len({kind.exit_status for kind in KINDS}) == len(KINDS)
    assert len({kind.outcome for kind in KINDS}) == len(KINDS)
    assert all(0 < kind.exit_status < 256 for kind in KINDS)
    # 137 is the container's SIGKILL and 1 Python's own: neither may be one of these.
    assert {kind.exit_status for kind in KINDS}.isdisjoint({1, 2, 137})


def test_the_tree_in_the_docstring_is_true() -> None:
    import worker.errors

    drawn = dict(re.findall(r"── (\w+) +(\d+)", worker.errors.__doc__ or ""))
    assert drawn == {kind.__name__: str(kind.exit_status) for kind in KINDS}


def test_every_status_is_on_the_operators_page() -> None:
    page = (DOCS / "operations.md").read_text()
    korean = (DOCS.parent / "README.ko.md").read_text()
    for kind in KINDS:
        assert f"\n| {kind.exit_status} | `{kind.outcome}` |" in page, kind
        assert f"\n| {kind.exit_status} |" in korean, kind


def make(kind: type[WorkerError]) -> WorkerError:
    if kind is BadSourceError:
        return BadSourceError("why", code=SourceFault.TRUNCATED)
    return kind("why")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyError("x"), 70),
        (OSError(errno.ENOSPC, "No space left on device"), 73),
        (OSError(errno.EIO, "Input/output error"), 70),
        *[(make(kind), kind.exit_status) for kind in KINDS],
    ],
)
def test_every_error_has_an_outcome(error: Exception, status: int) -> None:
    outcome = outcome_of(error)
    assert outcome.exit_status == status
    assert outcome.message
    assert (outcome.code is not None) == (status == 65)


@pytest.mark.parametrize("code", SourceFault)
def test_a_bad_source_has_a_code_and_a_sentence_for_the_teacher(code: SourceFault) -> None:
    outcome = outcome_of(BadSourceError("half is missing", code=code))
    assert (outcome.code, outcome.message) == (code, "half is missing")
    assert outcome.teacher_message is not None
    assert outcome.teacher_message.en == TEACHER_MESSAGES[code].en
    assert outcome.teacher_message.ko == TEACHER_MESSAGES[code].ko


def test_a_bug_shows_no_query_of_a_url() -> None:
    outcome = outcome_of(ValueError("https://h/a.mp4?X-Amz-Signature=SECRET"))
    assert "SECRET" not in outcome.message
