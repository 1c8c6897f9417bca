"""Publishing: the order of writes, and what a reader of the store sees at every moment."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.fakes import RecordingStore, steady
from tests.unit.sample import job, plan, rung_segments, sound_segments
from worker.errors import StorageUnavailableError, TakenError
from worker.images.model import ImageSet
from worker.media.streams import TextStream
from worker.plan.digest import request_digest, run_name
from worker.publish.manifest import Origin, is_published, read_manifest
from worker.publish.publish import delete_outdated, publish

TEXT = TextStream(index=2, codec="subrip", language="kor", title=None, is_forced=False)
PLAN = plan(texts=(TEXT,))
RENDITIONS = {r.name: rung_segments(PLAN, r.name) for r in PLAN.rungs} | {
    "audio": sound_segments(PLAN)
}
ORIGIN = Origin(
    request="request-1",
    identity="file 1 abc",
    source="/in.mp4",
    job_id="job",
    published_at="2026-01-01T00:00:00+00:00",
    worker_version="0",
    ffmpeg_version="7.1",
)


def allowed() -> None:
    """The destination is still ours."""


def publish_to(store: RecordingStore, run: str = "run", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "texts": {},
        "gallery": ImageSet(thumbnails=(b"jpeg",)),
        "origin": ORIGIN,
        "store": steady(store),
        "previous": None,
        "confirm": allowed,
        "threads": 4,
    } | changes
    renditions = values.pop("renditions", RENDITIONS)
    for name, segments in RENDITIONS.items():
        for segment in segments:
            store.objects[f"{run}/{name}/{segment.index:05d}.ts"] = b"ts"
    return publish(PLAN, run, renditions, **values)


def test_the_master_playlist_comes_after_all_that_it_names() -> None:
    store = RecordingStore()
    publish_to(store)
    *of_the_run, face, master, manifest = store.puts
    assert sorted(of_the_run) == [
        *("run/1080p/iframes.m3u8", "run/1080p/index.m3u8"),
        *("run/480p/iframes.m3u8", "run/480p/index.m3u8"),
        *("run/720p/iframes.m3u8", "run/720p/index.m3u8"),
        *("run/audio/index.m3u8", "run/thumbnails/0.jpg"),
    ]
    assert (face, master, manifest) == ("thumbnail.jpg", "master.m3u8", "manifest.json")


def test_all_but_subtitles_and_key_pictures_share_the_longest_target() -> None:
    """RFC 8216, section 6.2.4; the sound of this one has a segment of 8 s."""
    store = RecordingStore()
    first, *others = RENDITIONS["audio"]
    longer = replace(first, end_ticks=8 * 90_000)
    moved = [replace(s, start_ticks=s.start_ticks + 180_000) for s in others]
    publish_to(store, renditions={**RENDITIONS, "audio": (longer, *moved)}, texts={"text0": ("",)})
    told = {
        key: line.partition(":")[2]
        for key, data in store.objects.items()
        for line in data.decode().splitlines()
        if line.startswith("#EXT-X-TARGETDURATION")
    }
    assert {told[f"run/{name}/index.m3u8"] for name in RENDITIONS} == {"8"}
    assert told["run/720p/iframes.m3u8"] == "6"
    assert told["run/text0/index.m3u8"] == "13"


def test_subtitles_are_there_before_they_are_named() -> None:
    store = RecordingStore()
    manifest = publish_to(store, texts={"text0": ("WEBVTT\n",)})
    at = store.puts.index
    assert max(at("run/text0/00000.vtt"), at("run/text0/index.m3u8")) < at("master.m3u8")
    assert {"name": "text0", "kind": "subtitles"}.items() <= manifest["renditions"][-1].items()


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
    """Between its last look and its write another job published: the store refuses it."""
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
    assert manifest["missing_rungs"] == ["720p"]
    assert b"720p" not in store.objects["master.m3u8"]
    assert not is_published(store, manifest, "request-1")


def test_published_is_seen_by_its_request_and_its_objects() -> None:
    store = RecordingStore()
    manifest = publish_to(store)
    assert read_manifest(store) == json.loads(json.dumps(manifest))
    assert is_published(store, manifest, "request-1")
    assert not is_published(store, manifest, "request-2")
    assert not is_published(store, None, "request-1")
    del store.objects["run/480p/00001.ts"]
    assert not is_published(store, manifest, "request-1")


def test_what_an_older_worker_published_is_published() -> None:
    """It made no playlists of key pictures, and its manifest names no playlist."""
    store = RecordingStore()
    manifest = publish_to(store)
    for rendition in manifest["renditions"]:
        del rendition["playlists"]
        store.objects.pop(f"run/{rendition['name']}/iframes.m3u8", None)
    assert is_published(store, manifest, "request-1")


@pytest.mark.parametrize(
    "lost", ["master.m3u8", "thumbnail.jpg", "run/720p/iframes.m3u8", "run/thumbnails/0.jpg"]
)
def test_published_without_its_face_is_not_published(lost: str) -> None:
    store = RecordingStore()
    manifest = publish_to(store)
    del store.objects[lost]
    assert not is_published(store, manifest, "request-1")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff"])
def test_an_unreadable_manifest_is_none(text: bytes) -> None:
    store = RecordingStore()
    store.objects["manifest.json"] = text
    assert read_manifest(store) is None


def test_the_run_before_the_previous_one_goes() -> None:
    store = RecordingStore()
    manifest: dict[str, Any] | None = None
    for run in ("a", "b", "c", "b"):
        previous, manifest = manifest, publish_to(store, run, previous=manifest)
        delete_outdated(store, manifest, previous)
    left = {key.partition("/")[0] for key in store.objects if "/" in key}
    assert left == {"b", "c"}
