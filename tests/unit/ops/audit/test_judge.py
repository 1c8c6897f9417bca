"""A destination is judged as it was listed, by the checksums that its store gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

import pytest

from ops.audit.finding import Code, Result, Verdict
from ops.audit.judge import Judge
from ops.audit.listing import Folder, ListedObject, Listing
from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import PLAN, RENDITIONS, publish_to
from worker.layout import md5_of
from worker.plan.plan import describe
from worker.records.checkpoint import CheckpointRecord
from worker.records.manifest import ManifestRecord
from worker.records.segment import Segment
from worker.storage.base import Content

RUN = "0123456789abcdef"
ETag = Callable[[str, bytes], str]


def md5(_: str, data: bytes) -> str:
    return md5_of(data)


def of_kms(key: str, data: bytes) -> str:
    """As S3 has it of an object with a key of KMS: of the same form, and no checksum."""
    return md5_of(b"kms" + key.encode() + data)


def _filled(segment: Segment, data: bytes) -> Segment:
    """Return the record of a segment with this content."""
    return replace(
        segment, bytes=len(data), md5=md5_of(data), key_bytes=segment.key_bytes and len(data)
    )


@dataclass
class Destination:
    """A published video whose store answers with some kind of ETag."""

    etag: ETag = md5
    recorded_etag: ETag = md5
    store: RecordingStore = field(default_factory=RecordingStore)
    reads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        data = {
            (name, segment.index): f"{name} {segment.index}".encode()
            for name, some in RENDITIONS.items()
            for segment in some
        }
        renditions = {
            name: tuple(_filled(segment, data[name, segment.index]) for segment in some)
            for name, some in RENDITIONS.items()
        }
        publish_to(self.store, RUN, renditions=renditions)
        self.store.listed.clear()
        recorded = []
        for some in renditions.values():
            for segment in some:
                key = f"{RUN}/{segment.name}"
                self.store.objects[key] = data[segment.rendition, segment.index]
                etag = self.recorded_etag(key, self.store.objects[key])
                recorded.append(replace(segment, etag=etag))
        record = CheckpointRecord(run=RUN, plan=describe(PLAN), segments=tuple(recorded))
        self.store.objects[f"{RUN}/checkpoint.json"] = record.to_json()

    @property
    def segment(self) -> str:
        return next(key for key in self.store.objects if key.endswith(".ts"))

    def get(self, key: str) -> Content | None:
        self.reads.append(key)
        found = self.store.get(key)
        return found and Content(data=found.data, etag=self.etag(key, found.data))

    def folder(self) -> Folder:
        objects = {
            key: ListedObject(bytes=len(data), etag=self.etag(key, data))
            for key, data in self.store.objects.items()
        }
        return Folder(name="talk", objects=objects)

    def lacking(self, prefix: str) -> Folder:
        """Return a listing as it was before objects were written; its records are newer."""
        whole = self.folder()
        kept = {k: each for k, each in whole.objects.items() if not k.startswith(prefix)}
        return Folder(name=whole.name, objects=kept)

    def judge(self, listed: Folder | None = None, *, is_deep: bool = False) -> Result:
        judge = Judge(is_deep=is_deep, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        return judge.judge("s3://v/talk", listed or self.folder(), self, relist=self.folder)  # type: ignore[arg-type]

    def flip(self) -> None:
        data = self.store.objects[self.segment]
        self.store.objects[self.segment] = data[:-1] + b"?"


def found(result: Result) -> Mapping[Code, str]:
    return {finding.code: finding.key for finding in result.findings}


def test_of_a_whole_video_nothing_is_said_and_no_segment_is_read() -> None:
    destination = Destination()
    result = destination.judge()
    assert (found(result), result.verdict, result.run) == ({}, Verdict.CLEAN, RUN)
    # Two records, the checkpoint, and the playlists: 3 rungs with key frames, and the audio.
    assert len(destination.reads) == len(set(destination.reads)) == 3 + 7
    assert not any(key.endswith(".ts") for key in destination.reads)


def test_with_deep_each_object_is_read_once() -> None:
    destination = Destination()
    assert found(destination.judge(is_deep=True)) == {}
    read = set(destination.store.objects) - {"thumbnail.jpg"}
    assert sorted(destination.reads) == sorted(read)


def test_another_etag_is_no_proof_and_the_object_is_read() -> None:
    """Such as of an object that was copied in parts."""

    def in_parts(key: str, data: bytes) -> str:
        return md5_of(data) + ("-2" if key.endswith(".ts") and "/480p/" in key else "")

    assert found(Destination(etag=in_parts).judge()) == {}


def test_after_a_copy_to_a_bucket_with_kms_only_sizes_are_compared() -> None:
    destination = Destination(etag=of_kms)
    assert found(destination.judge()) == {Code.NO_CHECKSUMS: ""}
    assert sum(key.endswith(".ts") for key in destination.reads) == 1
    destination.flip()
    assert found(destination.judge(is_deep=True)) == {Code.SEGMENT_DAMAGED: destination.segment}


def test_in_a_bucket_with_kms_the_recorded_etags_count() -> None:
    destination = Destination(etag=of_kms, recorded_etag=of_kms)
    assert found(destination.judge()) == {}
    destination.flip()
    assert found(destination.judge()) == {Code.SEGMENT_DAMAGED: destination.segment}


def test_what_there_is_of_a_rung_that_was_given_up_is_no_waste() -> None:
    """The job that adds the rung continues from it."""
    destination = Destination()
    objects = destination.store.objects
    objects[f"{RUN}/1440p/00000.0badbeef.ts"] = b"ts"
    assert found(destination.judge()) == {Code.ORPHANED_FILES: f"{RUN}/"}
    manifest = ManifestRecord.from_json(objects["manifest.json"])
    incomplete = manifest.model_copy(update={"missing_rungs": ("1440p",)})
    objects["manifest.json"] = incomplete.to_json()
    assert found(destination.judge()) == {}


def test_what_changed_since_it_was_listed_is_listed_again() -> None:
    destination = Destination()
    listed = destination.folder()
    destination.store.objects["manifest.json"] += b"\n"
    result = destination.judge(listed)
    assert (found(result), result.is_settled) == ({}, True)


def test_what_changes_all_the_time_is_not_judged() -> None:
    destination = Destination()
    stale = destination.folder()
    destination.store.objects["manifest.json"] += b"\n"
    destination.folder = lambda: stale  # type: ignore[method-assign]
    result = destination.judge()
    assert found(result) == {Code.BEING_PUBLISHED: ""}
    assert not result.is_settled


@pytest.mark.parametrize("missed", [RUN, f"{RUN}/720p/", f"{RUN}/audio/index"])
def test_what_was_published_while_it_was_listed_is_not_missing(missed: str) -> None:
    """The records are listed last: long after the rest, where other videos were judged between."""
    destination = Destination()
    result = destination.judge(destination.lacking(missed))
    assert (found(result), result.verdict, result.is_settled) == ({}, Verdict.CLEAN, True)
    assert result.listing == destination.judge().listing


def test_a_video_that_is_published_again_while_it_is_listed_again_is_not_damaged() -> None:
    destination = Destination()
    first = destination.lacking(f"{RUN}/720p/")
    destination.store.objects["manifest.json"] += b"\n"
    second = destination.lacking(f"{RUN}/480p/")
    listings = iter([second, destination.folder()])
    destination.folder = lambda: next(listings)  # type: ignore[method-assign]
    assert found(destination.judge(first)) == {}


def test_what_is_missing_is_reported_and_nothing_is_read_twice_for_that() -> None:
    destination = Destination()
    del destination.store.objects[missing := destination.segment]
    result = destination.judge(is_deep=True)
    assert (found(result), result.verdict) == ({Code.SEGMENT_MISSING: missing}, Verdict.DAMAGED)
    assert len(destination.reads) == len(set(destination.reads))


def test_damage_is_reported_also_while_a_job_writes_there_all_the_time() -> None:
    destination = Destination()
    del destination.store.objects[missing := destination.segment]
    heartbeats = count()

    def with_heartbeat(objects: Listing) -> Folder:
        heartbeat = ListedObject(bytes=1, etag=str(next(heartbeats)))
        return Folder(name="talk", objects={**objects, "status.json": heartbeat})

    objects = destination.folder().objects
    destination.folder = lambda: with_heartbeat(objects)  # type: ignore[method-assign]
    assert found(destination.judge()) == {Code.SEGMENT_MISSING: missing}
    assert next(heartbeats) > 1
