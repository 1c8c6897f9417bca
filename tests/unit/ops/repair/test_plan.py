"""What is submitted to repair a video, what is left to a person, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ops.audit.finding import Code, Finding, Result
from ops.repair.plan import Repair, plan_repair
from tests.unit.batch_shapes import status_record, team_status
from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import publish_to
from tests.unit.sample import job
from worker.config.sources import joined_identity, split_sources
from worker.layout import MANIFEST
from worker.plan.digest import request_digest
from worker.records.job import ClipRecord
from worker.records.manifest import PartRecord
from worker.records.status import StatusRecord

DESTINATION = "s3://videos/hls/talk"
SOURCE = "s3://uploads/talk.mp4"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plan(
    code: Code = Code.SEGMENT_MISSING,
    *,
    status: bytes | None = None,
    damages: str = ".ts",
    **of: Any,
) -> Repair:
    """Plan the repair of a video with a finding, and with these values in its manifest."""
    store = RecordingStore()
    manifest = publish_to(store).manifest
    request = request_digest(manifest.source_identity, job())
    values = {"source": SOURCE, "request": request, "video_request": request} | of
    store.objects[MANIFEST] = manifest.model_copy(update=values).to_json()
    if status:
        store.objects["status.json"] = status
    if damages:
        del store.objects[next(key for key in store.objects if key.endswith(damages))]
    result = Result(
        destination=DESTINATION,
        listing="",
        is_deep=False,
        is_published=True,
        is_settled=True,
        run="run",
        objects=1,
        bytes=1,
        findings=(Finding(code=code, key="", detail=""),),
    )
    return plan_repair(result, store, {}, NOW)


def test_a_damaged_video_is_made_again_of_its_source() -> None:
    repair = plan()
    assert (repair.doubts, repair.refusal) == ((), None)
    assert repair.submission
    assert (repair.submission.source, repair.submission.destination) == (SOURCE, DESTINATION)
    assert repair.submission.academy == "a42"


def test_a_video_of_several_files_is_made_again_of_all_of_them_and_of_the_same_clip() -> None:
    parts = [("s3://uploads/a, b.mp4", "s3 1"), ("s3://uploads/c.mp4", "s3 2")]
    records = tuple(PartRecord(source=at, name="x", identity=name) for at, name in parts)
    identity = joined_identity([name for _, name in parts])
    request = request_digest(identity, job("--from", "0.00001", "--to", "5400.1"))
    repair = plan(
        parts=records,
        source=parts[0][0],
        source_identity=identity,
        clip=ClipRecord(start_s=0.00001, end_s=5400.1),
        request=request,
        video_request=request,
    )
    assert repair.doubts == (), "the options are those that make its request"
    assert repair.submission
    assert split_sources(repair.submission.source) == [at for at, _ in parts]
    options = repair.submission.options
    assert (options["from_s"], options["to_s"]) == ("0.00001", "5400.1")
    assert "chapters" not in options, "joints have chapters in any case"
    repair = plan(parts=(*records, records[0].model_copy(update={"source": "/c.mp4"})))
    assert "/c.mp4 is a path" in (repair.refusal or "")


@pytest.mark.parametrize("academy", [None, "학원-7", "a.b"])
def test_what_batch_takes_as_no_share_is_left_out(academy: str | None) -> None:
    repair = plan(academy=academy)
    assert repair.submission
    assert repair.submission.academy is None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("https://uploads.example/talk.mp4?…", "was a URL"),
        ("/data/talk.mp4", "is a path"),
        ("ftp://uploads/talk.mp4", "cannot be read"),
    ],
)
def test_a_source_that_a_job_cannot_read_again_is_for_a_person(source: str, why: str) -> None:
    repair = plan(source=source)
    assert repair.submission is None
    assert why in (repair.refusal or "")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"damages": MANIFEST}, "no readable manifest.json"),
        ({"code": Code.ARCHIVED}, "are in an archive"),
        ({"damages": ""}, "already published"),
    ],
)
def test_where_a_job_would_not_help_none_is_submitted(arguments: dict[str, Any], why: str) -> None:
    repair = plan(**arguments)
    assert repair.submission is None
    assert why in (repair.refusal or "")


@pytest.mark.parametrize(
    ("updated_at", "is_refused"),
    [("2025-12-31T23:59:00+00:00", True), ("2025-12-31T12:00:00+00:00", False)],
)
def test_a_running_job_is_left_alone_and_a_dead_one_is_not(
    updated_at: str, *, is_refused: bool
) -> None:
    status = StatusRecord(job_id="job", started_at=updated_at, updated_at=updated_at)
    repair = plan(status=status.to_json())
    assert (repair.submission is None) is is_refused
    assert ("a job is working on it" in (repair.refusal or "")) is is_refused


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"code": Code.MASTER_MISSING, "damages": "master.m3u8"}, "taken off on purpose"),
        ({"video_request": "of options that nobody tried"}, "options are not known"),
    ],
)
def test_a_doubt_is_said(arguments: dict[str, Any], why: str) -> None:
    repair = plan(**arguments)
    assert repair.submission
    assert [why in doubt for doubt in repair.doubts] == [True]


def test_what_was_published_without_a_rung_may_always_be_submitted() -> None:
    assert plan(damages="", missing_rungs=("720p",)).submission


def test_as_many_machines_make_it_again_as_its_last_job_had() -> None:
    record = team_status(0, updated_at="2025-12-31T12:00:00+00:00")
    repair = plan(status=record.to_json())
    assert repair.submission is not None
    assert repair.submission.machines == 2
    single = plan(status=status_record().to_json()).submission
    assert single is not None
    assert single.machines == 1
