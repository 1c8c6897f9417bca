"""What is published counts as that only while the store has it as it was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import RENDITIONS, publish_to, text_rendition
from worker.publish.standing import is_published, suspects
from worker.records.manifest import DownloadRecord
from worker.storage.base import StoredObject

SEGMENT = f"run/{RENDITIONS['480p'][1].name}"
TEXTS = [text_rendition("WEBVTT\n")]
JPEG = b"\xff\xd8 another frame \xff\xd9"


def is_still_published(
    change: Callable[[RecordingStore], object], *, records_master: bool = True
) -> bool:
    """Publish, change something, and ask whether the same job would find it published."""
    store = RecordingStore()
    manifest = publish_to(store, texts=TEXTS).manifest
    if not records_master:
        manifest = manifest.model_copy(update={"master_md5": None})
    change(store)
    return is_published(store, manifest, "request-1")


def list_as(store: RecordingStore, **changes: object) -> None:
    store.listed[SEGMENT] = replace(store.listed[SEGMENT], **changes)  # type: ignore[arg-type]


def edit(store: RecordingStore, key: str, old: bytes, new: bytes) -> None:
    found = next(name for name in store.objects if name.startswith(key))
    assert old in store.objects[found]
    store.objects[found] = store.objects[found].replace(old, new)


@pytest.mark.parametrize("records_master", [True, False])
def test_what_nobody_changed_is_published(*, records_master: bool) -> None:
    assert is_still_published(lambda _: None, records_master=records_master)


@pytest.mark.parametrize(
    "change",
    [
        lambda store: list_as(store, bytes=187_812),
        lambda store: list_as(store, etag="0" * 32),
        lambda store: edit(store, "run/720p/index", b"#EXTINF:6", b"#EXTINF:7"),
        lambda store: edit(store, "run/text0/00000", b"WEBVTT", b"WEBVTX"),
        lambda store: edit(store, "master.m3u8", b",CODECS=", b",CODEX="),
        lambda store: edit(store, "thumbnail.jpg", b"jpeg", b""),
        lambda store: edit(store, "thumbnail.jpg", b"jpeg", JPEG[:-1]),
    ],
)
def test_what_was_changed_is_published_again(change: Callable[[RecordingStore], object]) -> None:
    assert not is_still_published(change)


def test_a_thumbnail_that_was_put_over_the_workers_is_left() -> None:
    assert is_still_published(lambda store: edit(store, "thumbnail.jpg", b"jpeg", JPEG))


def test_without_a_recorded_checksum_the_playlists_of_master_and_manifest_are_compared() -> None:
    def name_others(store: RecordingStore) -> None:
        edit(store, "master.m3u8", b"/text0/index.", b"/text1/index.")

    def raise_bandwidth(store: RecordingStore) -> None:
        edit(store, "master.m3u8", b"BANDWIDTH=", b"BANDWIDTH=1")

    assert not is_still_published(name_others, records_master=False)
    assert is_still_published(raise_bandwidth, records_master=False)


def test_etags_that_are_no_checksums_say_nothing() -> None:
    """Of a bucket with keys of KMS, and of an object that was copied in parts."""
    keys = ["run/a.00000001.ts", "run/b.00000002.ts"]
    right, other = (StoredObject(bytes=1, etag=f"0000000{n}{'0' * 24}") for n in (1, 9))
    parts = StoredObject(bytes=1, etag=f"{'0' * 32}-2")
    assert suspects(dict.fromkeys(keys, other), keys) == []
    assert suspects({keys[0]: right, keys[1]: other}, keys) == keys[1:]
    assert suspects({keys[0]: right, keys[1]: parts}, keys) == []


@pytest.mark.parametrize(("size", "is_there"), [(5, True), (4, False), (None, False)])
def test_a_download_is_compared_by_its_size(size: int | None, *, is_there: bool) -> None:
    """One that was stored in parts has an ETag that is no MD5."""
    record = DownloadRecord(
        format="mp4", key="run/download.01234567.mp4", bytes=5, md5="", etag="x-2", content_type=""
    )
    store = RecordingStore()
    manifest = publish_to(store).manifest.model_copy(update={"downloads": (record,)})
    if size is not None:
        store.objects[record.key] = b"."
        store.listed[record.key] = StoredObject(bytes=size, etag="x-2")
    assert is_published(store, manifest, "request-1") is is_there
