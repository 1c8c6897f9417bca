"""Which uploads the keeper may delete, and which it must not: also those of several parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.keeper.attempt import group
from ops.keeper.named import Upload, finished_uploads
from tests.unit.batch_shapes import job_detail
from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import publish_to
from worker.config.location import S3Location
from worker.config.sources import join_sources
from worker.records.job import ClipRecord
from worker.records.manifest import ManifestRecord, PartRecord

RUN = "0123456789abcdef"
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)
LATER, AGE = PUBLISHED + timedelta(days=31), timedelta(days=30)
FILES = [("s3://uploads/1.mp4", "s3 one"), ("s3://uploads/2.mp4", "s3 two")]
PARTS = tuple(PartRecord(source=at, name="x", identity=name) for at, name in FILES)
UPLOADS = tuple(
    Upload(location=S3Location(bucket="uploads", key=f"{i}.mp4"), identity=name)
    for i, (_, name) in enumerate(FILES, start=1)
)


def manifest(**changes: Any) -> tuple[ManifestRecord, bytes]:
    store = RecordingStore()
    made = publish_to(store).manifest
    values = {"run": RUN, "source": FILES[0][0], "source_identity": FILES[0][1], **changes}
    master = store.objects["master.m3u8"].replace(f"{made.run}/".encode(), f"{RUN}/".encode())
    return made.model_copy(update=values), master


def uploads(**changes: Any) -> tuple[Upload, ...]:
    record, master = manifest(**changes)
    return finished_uploads(record, master, now=LATER, age=AGE)


def test_all_files_of_a_video_that_has_been_published_for_long_are_finished() -> None:
    assert uploads() == UPLOADS[:1]
    assert uploads(parts=PARTS) == UPLOADS


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": ClipRecord(start_s=5)},
        {"missing_rungs": ("720p",)},
        {"parts": (*PARTS, PARTS[0].model_copy(update={"source": "https://h/3.mp4?…"}))},
        {"published_at": LATER.isoformat()},
    ],
    ids=["a clip of it", "not whole", "one cannot be deleted", "just published"],
)
def test_files_are_kept(changes: dict[str, Any]) -> None:
    assert uploads(**{"parts": PARTS, **changes}) == ()


def test_a_job_needs_all_of_its_parts() -> None:
    detail: Any = job_detail("FAILED", exit_code=143)
    source = join_sources([at for at, _ in FILES])
    detail["parameters"] = {"source": source, "destination": "s3://videos/hls/talk"}
    (video,) = group([detail])
    assert video.sources == {at for at, _ in FILES}
