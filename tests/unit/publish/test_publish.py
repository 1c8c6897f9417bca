"""Publishing: the order of writes, and what a reader of the store sees at every moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import pytest

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import job, plan, run
from worker.errors import StorageUnavailableError, TakenError
from worker.images.model import ImageSet
from worker.media.streams import TextStream
from worker.plan.digest import request_digest, run_name
from worker.publish.manifest import Origin, is_published, make_manifest, read_manifest
from worker.publish.publish import Publication, delete_outdated, publish
from worker.records.job import JobRecord
from worker.records.manifest import ManifestRecord
from worker.records.segment import Segment

TEXT = TextStream(index=2, codec="subrip", language="kor", title=None, is_forced=False)
PLAN = plan(texts=(TEXT,))
RENDITIONS = run(PLAN).renditions
IMAGES = ImageSet(thumbnails=(b"jpeg",))
ORIGIN = Origin(
    request="request-1",
    identity="file 1 abc",
    source="/in.mp4",
    source_bytes=1,
    job_id="job",
    published_at="2026-01-01T00:00:00+00:00",
    worker_version="0",
    ffmpeg_version="7.1",
    job=JobRecord(),
)


def allowed() -> None:
    """The destination is still this job's."""


def publish_to(
    store: RecordingStore,
    name: str = "run",
    *,
    renditions: Mapping[str, Sequence[Segment]] = RENDITIONS,
    texts: Mapping[str, Sequence[str]] | None = None,
    previous: ManifestRecord | None = None,
    confirm: Callable[[], None] = allowed,
    with_report: bool = False,
) -> ManifestRecord:
    for rendition, segments in RENDITIONS.items():
        for segment in segments:
            store.objects[f"{name}/{rendition}/{segment.index:05d}.ts"] = b"ts"
    a_run = run(PLAN, name, renditions=renditions, texts=texts or {})
    manifest = make_manifest(a_run, IMAGES, origin=ORIGIN, previous=previous)
    publication = Publication(run=a_run, images=IMAGES, manifest=manifest, with_report=with_report)
    publish(publication, retrying(store), confirm=confirm, threads=4)
    return manifest


def test_the_master_playlist_comes_after_all_that_it_names() -> None:
    store = RecordingStore()
    publish_to(store)
    *of_the_run, thumbnail, master, manifest = store.puts
    assert sorted(of_the_run) == [
        *("run/1080p/iframes.m3u8", "run/1080p/index.m3u8"),
        *("run/480p/iframes.m3u8", "run/480p/index.m3u8"),
        *("run/720p/iframes.m3u8", "run/720p/index.m3u8"),
        *("run/audio/index.m3u8", "run/thumbnails/0.jpg"),
    ]
    assert (thumbnail, master, manifest) == ("thumbnail.jpg", "master.m3u8", "manifest.json")


def test_all_but_subtitles_and_key_frames_share_the_longest_target() -> None:
    """RFC 8216, section 6.2.4; the audio of this one has a segment of 8 s."""
    store = RecordingStore()
    first, *others = RENDITIONS["audio"]
    longer = replace(first, end_ticks=8 * 90_000)
    moved = [replace(s, start_ticks=s.start_ticks + 180_000) for s in others]
    publish_to(store, renditions={**RENDITIONS, "audio": (longer, *moved)}, texts={"text0": ("",)})
    targets = {
        key: line.partition(":")[2]
        for key, data in store.objects.items()
        for line in data.decode().splitlines()
        if line.startswith("#EXT-X-TARGETDURATION")
    }
    assert {targets[f"run/{name}/index.m3u8"] for name in RENDITIONS} == {"8"}
    assert targets["run/720p/iframes.m3u8"] == "6"
    assert targets["run/text0/index.m3u8"] == "13"


def test_subtitles_are_there_before_they_are_named() -> None:
    store = RecordingStore()
    manifest = publish_to(store, texts={"text0": ("WEBVTT\n",)})
    at = store.puts.index
    assert max(at("run/text0/00000.vtt"), at("run/text0/index.m3u8")) < at("master.m3u8")
    last = manifest.renditions[-1]
    assert (last.name, last.kind, last.language) == ("text0", "subtitles", "kor")


@pytest.mark.parametrize("failing", range(11))
def test_any_write_may_fail_and_nothing_is_half_published(failing: int) -> None:
    """Before the master playlist nothing has changed; after it everything is there."""
    store = RecordingStore()
    store.failure, store.fails_at_put = StorageUnavailableError("gone"), failing
    # Where only the manifest is missing, viewers have the video: that is no failure.
    with nullcontext() if failing == 10 else pytest.raises(StorageUnavailableError):
        publish_to(store)
    assert ("master.m3u8" in store.objects) == (failing == 10)
    if "master.m3u8" in store.objects:
        named = store.objects["master.m3u8"].decode().splitlines()
        assert all(line in store.objects for line in named if line and line[0] != "#")
        assert "thumbnail.jpg" in store.objects


def test_a_report_is_there_before_the_master_playlist_and_only_when_asked() -> None:
    store = RecordingStore()
    publish_to(store, with_report=True)
    assert store.puts.index("run/report.html") < store.puts.index("master.m3u8")
    assert b"1080p" in store.objects["run/report.html"]
    plain = RecordingStore()
    publish_to(plain)
    assert "run/report.html" not in plain.objects


def test_a_report_decides_neither_request_nor_run() -> None:
    asked = job("--report")
    assert asked.report
    assert request_digest("x", asked) == request_digest("x", job())
    assert run_name("x", plan("--report", texts=(TEXT,))) == run_name("x", PLAN)


def test_a_job_that_lost_its_destination_does_not_commit() -> None:
    def lost() -> None:
        raise TakenError("another job has it")

    store = RecordingStore()
    with pytest.raises(TakenError):
        publish_to(store, confirm=lost)
    assert "master.m3u8" not in store.objects


def test_a_job_that_was_held_up_cannot_write_over_its_successor() -> None:
    """Between its confirmation and its write another job published: the store refuses it."""
    store = RecordingStore()
    calls = 0

    def held_up() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise TakenError("another job has it")
        store.objects["master.m3u8"] = b"the successor's"

    with pytest.raises(TakenError):
        publish_to(store, confirm=held_up)
    assert store.objects["master.m3u8"] == b"the successor's"


def test_an_owner_whose_answer_was_lost_writes_again() -> None:
    store = RecordingStore()
    calls = 0

    def interfere() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            store.objects["master.m3u8"] = b"something else"

    publish_to(store, confirm=interfere)
    assert b"EXTM3U" in store.objects["master.m3u8"]


def test_what_was_published_without_a_rung_may_be_completed() -> None:
    store = RecordingStore()
    kept = {name: RENDITIONS[name] for name in ("1080p", "480p", "audio")}
    manifest = publish_to(store, renditions=kept)
    assert manifest.missing_rungs == ("720p",)
    assert b"720p" not in store.objects["master.m3u8"]
    assert not is_published(store, manifest, "request-1")


def test_published_is_known_by_its_request_and_its_objects() -> None:
    store = RecordingStore()
    manifest = publish_to(store)
    assert read_manifest(store) == manifest
    assert is_published(store, manifest, "request-1")
    assert not is_published(store, manifest, "request-2")
    assert not is_published(store, None, "request-1")
    del store.objects["run/480p/00001.ts"]
    assert not is_published(store, manifest, "request-1")


@pytest.mark.parametrize(
    "lost", ["master.m3u8", "thumbnail.jpg", "run/720p/iframes.m3u8", "run/thumbnails/0.jpg"]
)
def test_published_without_one_of_its_files_is_not_published(lost: str) -> None:
    store = RecordingStore()
    manifest = publish_to(store)
    del store.objects[lost]
    assert not is_published(store, manifest, "request-1")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff", b'{"schema": 1, "run": "a"}', b'{"schema_version": 99}']
)
def test_an_unreadable_manifest_is_none(text: bytes) -> None:
    """So is one of an older worker: its video is published again."""
    store = RecordingStore()
    store.objects["manifest.json"] = text
    assert read_manifest(store) is None


def test_the_run_before_the_previous_one_is_deleted() -> None:
    store = RecordingStore()
    manifest: ManifestRecord | None = None
    for name in ("a", "b", "c", "b"):
        previous = manifest
        manifest = publish_to(store, name, previous=previous)
        delete_outdated(store, manifest, previous)
    left = {key.partition("/")[0] for key in store.objects if "/" in key}
    assert left == {"b", "c"}
