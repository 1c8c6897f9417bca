"""How rows are submitted and followed: bounded, each once, whatever was there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ops.bulk.upload
from ops.aws import Aws
from ops.batch.job import BatchJob, read_job
from ops.batch.once import SETTLE_S
from ops.bulk.check import Defaults, Row, check_entries
from ops.bulk.known import Standing
from ops.bulk.read import Entry
from ops.bulk.state import State
from ops.bulk.upload import Phase, Upload
from ops.errors import OpsError, UnexpectedError
from tests.unit.batch_shapes import job_detail

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


class Batch:
    """A queue whose jobs need some rounds; what is submitted in one is seen in the next."""

    def __init__(self, *, rounds: int = 2) -> None:
        self.rounds = rounds
        self.jobs: dict[str, str] = {}
        self.ages: dict[str, int] = {}
        self.others: dict[str, BatchJob] = {}
        self.refuses: set[str] = set()
        self.most_at_once = 0

    def submit(self, request: str, _find: object) -> str:
        if request in self.refuses:
            raise UnexpectedError("too long")
        job_id = f"job-{request}"
        assert job_id not in self.jobs.values()
        self.jobs[request] = job_id
        self.ages[job_id] = 0
        active = sum(age < self.rounds for age in self.ages.values())
        self.most_at_once = max(self.most_at_once, active)
        return job_id

    def details(self, _aws: Aws, ids: Sequence[str]) -> dict[str, JobDetailTypeDef]:
        return {job_id: self._detail(job_id) for job_id in ids}

    def _detail(self, job_id: str) -> JobDetailTypeDef:
        self.ages[job_id] += 1
        status = "SUCCEEDED" if self.ages[job_id] >= self.rounds else "RUNNING"
        return job_detail(status, jobId=job_id)

    @property
    def is_fresh(self) -> bool:
        return True

    def of(self, row: Row) -> Standing:
        own = self.jobs.get(row.digest)
        job = replace(read_job(job_detail("RUNNING")), id=own) if own else None
        return Standing(own=job, other=self.others.get(row.digest))

    def of_all(self, rows: Sequence[Row]) -> dict[str, Standing]:
        return {row.digest: self.of(row) for row in rows}


def make_rows(count: int) -> list[Row]:
    entries = [
        Entry(line=n, values={"source": f"s3://uploads/{n}.mp4", "destination": f"s3://videos/{n}"})
        for n in range(1, count + 1)
    ]
    return check_entries(entries, Defaults())[0]


def run(
    path: Path, batch: Batch, rows: list[Row], monkeypatch: pytest.MonkeyPatch, **options: Any
) -> dict[int, Phase]:
    monkeypatch.setattr(ops.bulk.upload, "fetch_details", batch.details)
    given: dict[str, Any] = {
        "find_published": lambda _: None,
        "in_flight": 3,
        "sleep": lambda _: None,
        **options,
    }
    with State(path) as state:
        done = Upload(
            aws=Aws(region="ap-northeast-2", profile=None, endpoint_url=None),
            state=state,
            known=batch,  # type: ignore[arg-type]
            submitter=batch,  # type: ignore[arg-type]
            build=lambda row: row.digest,  # type: ignore[arg-type,return-value]
            poll_s=1,
            **given,
        ).run(rows)
    return {each.row.line: each.phase for each in done}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.jsonl"


def test_no_more_are_in_batch_at_a_time_than_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch()
    assert set(run(path, batch, make_rows(10), monkeypatch).values()) == {Phase.PUBLISHED}
    assert len(batch.jobs) == 10
    assert batch.most_at_once == 3


def test_without_following_all_are_submitted_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch()
    done = run(path, batch, make_rows(10), monkeypatch, follows=False)
    assert set(done.values()) == {Phase.WAITING}
    assert len(batch.jobs) == 10


def test_a_list_that_has_ended_submits_nothing_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(4)
    run(path, Batch(), rows, monkeypatch)
    forgetful = Batch()
    assert set(run(path, forgetful, rows, monkeypatch).values()) == {Phase.PUBLISHED}
    assert forgetful.jobs == {}


def test_a_job_whose_submission_was_not_recorded_is_taken_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between SubmitJob and its line: the listing has the job, once it had time to."""
    batch, rows = Batch(), make_rows(2)
    with State(path) as state:
        state.add(rows[0].digest, "submitting")
    batch.submit(rows[0].digest, None)
    slept: list[float] = []
    done = run(path, batch, rows, monkeypatch, sleep=slept.append)
    assert set(done.values()) == {Phase.PUBLISHED}
    # Not the pause between two rounds, which comes later.
    assert slept[0] != 1
    assert 0 <= slept[0] <= SETTLE_S


def test_without_its_state_file_a_list_is_recognized_by_its_jobs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, rows = Batch(), make_rows(3)
    run(path, batch, rows, monkeypatch)
    path.unlink()
    # The fake refuses a second job for a row.
    assert set(run(path, batch, rows, monkeypatch).values()) == {Phase.PUBLISHED}


def test_a_destination_that_another_job_works_for_is_left_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, rows = Batch(), make_rows(2)
    batch.others[rows[0].digest] = read_job(job_detail("RUNNING"))
    assert run(path, batch, rows, monkeypatch) == {1: Phase.SKIPPED, 2: Phase.PUBLISHED}
    batch.others.clear()
    assert run(path, batch, rows, monkeypatch)[1] is Phase.PUBLISHED


def test_what_is_published_already_is_not_submitted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, rows = Batch(), make_rows(2)
    found = {rows[0].digest: "manifest"}
    done = run(path, batch, rows, monkeypatch, find_published=found.get)
    assert set(done.values()) == {Phase.PUBLISHED}
    assert list(batch.jobs) == [rows[1].digest]


def test_a_row_that_batch_refuses_stops_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, rows = Batch(), make_rows(4)
    batch.refuses = {rows[0].digest, rows[1].digest}
    done = run(path, batch, rows, monkeypatch)
    assert [done[n] for n in (1, 2, 3, 4)] == [Phase.FAILED] * 2 + [Phase.PUBLISHED] * 2
    batch.refuses.clear()
    assert set(run(path, batch, rows, monkeypatch).values()) == {Phase.PUBLISHED}


def test_a_batch_that_takes_no_row_at_all_ends_the_command(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, rows = Batch(), make_rows(5)
    batch.refuses = {row.digest for row in rows}
    with pytest.raises(OpsError, match="too long"):
        run(path, batch, rows, monkeypatch)


def test_a_job_that_batch_has_forgotten_ends_its_row(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(1)
    with State(path) as state:
        state.add(rows[0].digest, "submitted", job_id="long-ago")
    batch = Batch()
    monkeypatch.setattr(batch, "details", lambda _aws, _ids: {})
    seconds = iter(range(0, 1000, 20))
    done = run(path, batch, rows, monkeypatch, clock=lambda: float(next(seconds)))
    assert done == {1: Phase.FAILED}
    assert batch.jobs == {}
