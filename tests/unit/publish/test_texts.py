"""A run that is published again with other subtitles is as if it were published with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.publish.test_publish import (
    ORIGIN,
    TEXT,
    allowed,
    publish_to,
)
from tests.unit.sample import opened, plan
from worker.hls.run import TextRendition
from worker.plan.plan import Plan, describe
from worker.publish.manifest import read_manifest
from worker.publish.publish import Published
from worker.publish.texts import find_standing, publish_texts
from worker.records.checkpoint import CheckpointRecord
from worker.records.job import JobRecord

# What another job says of itself: all of it is new in the manifest.
OTHER = replace(
    ORIGIN,
    request="request-2",
    source=opened(("/other.mp4", "file 1 abc")),
    job_id="other",
    tags={"course": "7"},
    published_at="2027-01-01T00:00:00+00:00",
    worker_version="1",
    job=JobRecord(segments=8, segments_resumed=8),
)
FORCED = replace(TEXT, index=3, is_forced=True, title="Signs")
PLAN = plan(texts=(TEXT, FORCED))
OWN = [TextRendition.of(text, segments=("WEBVTT\n",)) for text in PLAN.texts]
KOREAN = TextRendition.from_outside("ko", segments=("WEBVTT\n\n1",))
NEWER = replace(KOREAN, segments=("WEBVTT\n\n3",))
ENGLISH = TextRendition.from_outside("en", segments=("WEBVTT\n\n2",))


def published(texts: Sequence[TextRendition], a_plan: Plan = PLAN) -> RecordingStore:
    store = RecordingStore()
    publish_to(store, texts=texts)
    record = CheckpointRecord(run="run", plan=describe(a_plan), segments=())
    store.objects["run/checkpoint.json"] = record.to_json()
    return store


def change(store: RecordingStore, *outside: TextRendition) -> Published | None:
    standing = find_standing(store, read_manifest(store), "video-1")
    if standing is None or standing.lacks_any(outside):
        return None
    return publish_texts(standing, outside, (), OTHER, retrying(store), confirm=allowed, threads=2)


@pytest.mark.parametrize(
    ("before", "outside", "after"),
    [
        (OWN, [ENGLISH], [ENGLISH, *OWN]),
        (OWN, [KOREAN], [KOREAN, OWN[1]]),
        (OWN, [KOREAN, ENGLISH], [KOREAN, ENGLISH, OWN[1]]),
        ([], [ENGLISH], [ENGLISH]),
        ([ENGLISH, *OWN], [], OWN),
        ([ENGLISH], [], []),
        ([KOREAN, OWN[1]], [NEWER, ENGLISH], [NEWER, ENGLISH, OWN[1]]),
    ],
)
def test_the_playlist_and_the_record_are_those_of_a_whole_publish(
    before: list[TextRendition],
    outside: list[TextRendition],
    after: list[TextRendition],
) -> None:
    store = published(before)
    changed = change(store, *outside)
    assert changed is not None
    other = published(after)
    assert store.objects["master.m3u8"] == other.objects["master.m3u8"]
    manifest, wanted = read_manifest(store), read_manifest(other)
    assert manifest == changed.manifest
    assert wanted is not None
    # The source's very content and FFmpeg are those of the segments.
    taken = ("request", "job_id", "tags", "published_at", "job")
    assert manifest == wanted.model_copy(
        update={name: getattr(OTHER, name) for name in taken}
        | {"worker": OTHER.worker_version, "source": "/other.mp4"}
    )
    assert set(other.objects) <= set(store.objects)


def test_subtitles_come_before_the_playlist_that_names_them() -> None:
    store = published(OWN)
    store.puts.clear()
    change(store, ENGLISH)
    *texts, master, manifest = store.puts
    assert (master, manifest) == ("master.m3u8", "manifest.json")
    assert len(texts) == 2
    assert all(key.startswith("run/text-en/") for key in texts)


def test_what_was_replaced_until_now_is_in_the_source_alone() -> None:
    store = published([KOREAN, OWN[1]])
    assert change(store, ENGLISH) is None
    assert change(store) is None


@pytest.mark.parametrize("missing", ["run/checkpoint.json", "master.m3u8", "thumbnail.jpg", "ts"])
def test_of_a_run_that_is_not_whole_nothing_is_kept(missing: str) -> None:
    store = published(OWN)
    key = next(key for key in store.objects if key.endswith(missing))
    del store.objects[key]
    assert change(store, ENGLISH) is None


@pytest.mark.parametrize("data", [b"", b"{}", b'{"schema_version": 4, "run": "run", "plan": {}}'])
def test_a_record_that_cannot_be_used_is_none(data: bytes) -> None:
    store = published(OWN)
    store.objects["run/checkpoint.json"] = data
    assert change(store, ENGLISH) is None


def test_another_request_for_the_video_is_another_run() -> None:
    store = published(OWN)
    assert find_standing(store, read_manifest(store), "video-2") is None
    assert find_standing(store, None, "video-1") is None
