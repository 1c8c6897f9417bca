"""Publishing: the order of writes, and what a reader of the store sees at every moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import pytest

from tests.digests import without_digests
from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import job, opened, plan, run
from worker.errors import StorageUnavailableError, TakenError
from worker.hls.master import uris
from worker.hls.run import TextRendition
from worker.images.model import ImageSet
from worker.layout import choice_file
from worker.media.streams import TextStream
from worker.plan.digest import request_digest, run_name
from worker.publish.manifest import Origin, read_manifest
from worker.publish.publish import Publication, Published, publish
from worker.publish.standing import is_published
from worker.records.job import JobRecord
from worker.records.manifest import ManifestRecord
from worker.records.segment import Segment
from worker.storage.base import ListingDeniedError, StoredObject

TEXT = TextStream(index=2, codec="subrip", language="kor", title=None, is_forced=False)
PLAN = plan(texts=(TEXT,))
RENDITIONS = run(PLAN).renditions
IMAGES = ImageSet(thumbnails=(choice_file("run", 0, b"jpeg"),))
ORIGIN = Origin(
    request="request-1",
    video_request="video-1",
    source=opened(("/in.mp4", "file 1 abc")),
    sizes=[1],
    clip=None,
    job_id="job",
    tags={},
    academy="a42",
    published_at="2026-01-01T00:00:00+00:00",
    worker_version="0",
    ffmpeg_version="7.1",
    job=JobRecord(),
)


def allowed() -> None:
    """The destination is still this job's."""


def text_rendition(*segments: str) -> TextRendition:
    return TextRendition(
        name="text0", language="kor", title=None, is_forced=False, segments=segments
    )


def publish_to(
    store: RecordingStore,
    name: str = "run",
    *,
    renditions: Mapping[str, Sequence[Segment]] = RENDITIONS,
    texts: Sequence[TextRendition] = (),
    previous: ManifestRecord | None = None,
    confirm: Callable[[], None] = allowed,
    with_report: bool = False,
) -> Published:
    for segments in renditions.values():
        for segment in segments:
            key = f"{name}/{segment.name}"
            store.objects[key] = b"ts"
            store.listed[key] = StoredObject(bytes=segment.bytes, etag=segment.md5)
    publication = Publication(
        run=run(PLAN, name, renditions=renditions, texts=texts),
        images=ImageSet(thumbnails=(choice_file(name, 0, b"jpeg"),)),
        origin=ORIGIN,
        previous=previous,
        with_report=with_report,
    )
    return publish(publication, retrying(store), confirm=confirm, threads=4)


def named(store: RecordingStore) -> dict[str, bytes]:
    """The objects, their names without digests."""
    return {without_digests(key): data for key, data in store.objects.items()}


def test_the_master_playlist_comes_after_all_that_it_names() -> None:
    store = RecordingStore()
    publish_to(store)
    *of_the_run, thumbnail, master, manifest = map(without_digests, store.puts)
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
    publish_to(
        store, renditions={**RENDITIONS, "audio": (longer, *moved)}, texts=[text_rendition("")]
    )
    targets = {
        key: line.partition(":")[2]
        for key, data in named(store).items()
        for line in data.decode().splitlines()
        if line.startswith("#EXT-X-TARGETDURATION")
    }
    assert {targets[f"run/{name}/index.m3u8"] for name in RENDITIONS} == {"8"}
    assert targets["run/720p/iframes.m3u8"] == "6"
    assert targets["run/text0/index.m3u8"] == "13"


def test_subtitles_are_there_before_they_are_named() -> None:
    store = RecordingStore()
    manifest = publish_to(store, texts=[text_rendition("WEBVTT\n")]).manifest
    at = [without_digests(key) for key in store.puts].index
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
        assert set(uris(store.objects["master.m3u8"].decode())) <= set(store.objects)
        assert "thumbnail.jpg" in store.objects


def test_a_report_is_there_before_the_master_playlist_and_only_when_asked() -> None:
    store = RecordingStore()
    publish_to(store, with_report=True)
    puts = [without_digests(key) for key in store.puts]
    assert puts.index("run/report.html") < puts.index("master.m3u8")
    assert b"1080p" in named(store)["run/report.html"]
    plain = RecordingStore()
    publish_to(plain)
    assert "run/report.html" not in named(plain)


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


@pytest.mark.parametrize(
    ("at", "name"), list(enumerate(["thumbnail.jpg", "master.m3u8", "manifest.json"]))
)
def test_a_job_that_was_held_up_cannot_write_over_its_successor(at: int, name: str) -> None:
    """Between its confirmation and its write another job published: the store refuses it."""
    store = RecordingStore()
    calls = 0

    def held_up() -> None:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            store.objects[name] = b"the successor's"
        if calls == at + 2:
            raise TakenError("another job has it")

    # Viewers have the video where only the manifest was refused.
    with nullcontext() if name == "manifest.json" else pytest.raises(TakenError):
        publish_to(store, confirm=held_up)
    assert store.objects[name] == b"the successor's"


def test_an_owner_whose_answer_was_lost_writes_again() -> None:
    store = RecordingStore()
    calls = 0

    def interfere() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            store.objects["master.m3u8"] = b"something else"

    publish_to(store, confirm=interfere)
    assert b"EXTM3U" in store.objects["master.m3u8"]


def test_what_was_published_without_a_rung_may_be_completed() -> None:
    store = RecordingStore()
    kept = {name: RENDITIONS[name] for name in ("1080p", "480p", "audio")}
    manifest = publish_to(store, renditions=kept).manifest
    assert manifest.missing_rungs == ("720p",)
    assert b"720p" not in store.objects["master.m3u8"]
    assert not is_published(store, manifest, "request-1")


def test_published_is_known_by_its_request_and_its_objects() -> None:
    store = RecordingStore()
    manifest = publish_to(store).manifest
    assert read_manifest(store) == manifest
    assert is_published(store, manifest, "request-1")
    assert not is_published(store, manifest, "request-2")
    assert not is_published(store, None, "request-1")
    del store.objects[f"run/{RENDITIONS['480p'][1].name}"]
    assert not is_published(store, manifest, "request-1")


@pytest.mark.parametrize(
    "lost", ["master.m3u8", "thumbnail.jpg", "run/720p/iframes.m3u8", "run/thumbnails/0.jpg"]
)
def test_published_without_one_of_its_files_is_not_published(lost: str) -> None:
    store = RecordingStore()
    manifest = publish_to(store).manifest
    del store.objects[next(key for key in store.objects if without_digests(key) == lost)]
    assert not is_published(store, manifest, "request-1")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff", b'{"schema": 1, "run": "a"}', b'{"schema_version": 99}']
)
def test_an_unreadable_manifest_is_none(text: bytes) -> None:
    """So is one of an older worker: its video is published again."""
    store = RecordingStore()
    store.objects["manifest.json"] = text
    assert read_manifest(store) is None


def test_a_manifest_of_names_without_digests_is_still_published() -> None:
    """What an older worker made is not made again; the next publish replaces it."""
    store = RecordingStore()
    manifest = publish_to(store).manifest
    older = manifest.model_dump(mode="json", exclude={"sheets", "report"})
    older["schema_version"] = 2
    for rendition in older["renditions"]:
        rendition["playlists"] = [without_digests(name) for name in rendition["playlists"]]
    older["thumbnails"] = [without_digests(key) for key in older["thumbnails"]]
    store.objects = named(store) | {"manifest.json": json.dumps(older).encode()}
    read = read_manifest(store)
    assert is_published(store, read, "request-1")
    del store.objects["run/480p/00001.ts"]
    assert not is_published(store, read, "request-1")


def test_where_nothing_may_be_listed_the_manifest_counts() -> None:
    class Unlisted(RecordingStore):
        def list(self, prefix: str) -> dict[str, StoredObject]:
            raise ListingDeniedError(prefix)

    store = Unlisted()
    assert is_published(store, publish_to(store).manifest, "request-1")
