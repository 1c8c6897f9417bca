"""What a publish deletes, and what viewers may still be reading, which it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import RENDITIONS, publish_to
from worker.publish.leftovers import delete_leftovers, delete_unpublished
from worker.publish.manifest import read_manifest
from worker.publish.publish import Published
from worker.records.manifest import EncryptionRecord

A, B, C, RUN = ("a" * 16, "b" * 16, "c" * 16, "0" * 16)
# As two encodes of the same source make it: other bytes, another name.
OTHER = {name: [replace(s, md5="0" * 32) for s in some] for name, some in RENDITIONS.items()}


def runs(store: RecordingStore) -> set[str]:
    return {key.partition("/")[0] for key in store.objects if "/" in key}


def publish_and_delete(store: RecordingStore, name: str, **options: object) -> Published:
    previous = read_manifest(store)
    published = publish_to(store, name, previous=previous, **options)  # type: ignore[arg-type]
    delete_leftovers(store, published, previous)
    return published


def test_the_run_before_the_previous_one_is_deleted() -> None:
    store = RecordingStore()
    for name in (A, B, C, B):
        publish_and_delete(store, name)
    assert runs(store) == {B, C}


def test_the_run_that_viewers_had_stays_where_a_job_died_before_its_manifest() -> None:
    store = RecordingStore()
    for name in (A, B):
        publish_and_delete(store, name)
    manifest = store.objects["manifest.json"]
    publish_to(store, A, previous=read_manifest(store))
    store.objects["manifest.json"] = manifest
    published = publish_and_delete(store, C)
    assert published.manifest.previous_run == A, "as the master playlist said"
    assert runs(store) == {A, C}


def test_a_clear_run_that_stays_beside_an_encrypted_one_is_reported() -> None:
    store = RecordingStore()
    publish_and_delete(store, A)
    previous = read_manifest(store)
    published = publish_to(store, B, previous=previous)
    key = EncryptionRecord(method="AES-128", key_id="0" * 40, key_uri="https://a.example/")
    encrypted = published.manifest.model_copy(update={"encryption": key})
    with capture_logs() as logs:
        delete_leftovers(store, replace(published, manifest=encrypted), previous)
        delete_leftovers(store, replace(published, manifest=encrypted), encrypted)
    assert [(each["event"], each["run"]) for each in logs] == [("clear_run_stays", A)]


def test_the_same_run_published_again_keeps_its_predecessor() -> None:
    store = RecordingStore()
    for name in (A, B, B):
        published = publish_and_delete(store, name)
    assert published.manifest.previous_run == A
    manifest = store.objects["manifest.json"]
    publish_to(store, A, previous=read_manifest(store))
    store.objects["manifest.json"] = manifest
    assert publish_and_delete(store, A).manifest.previous_run == B


def test_what_other_attempts_left_of_the_run_is_deleted() -> None:
    store = RecordingStore()
    orphans = {f"{RUN}/480p/00000.0badbeef.ts", f"{RUN}/360p/00000.4f3a9c1e.ts", f"{RUN}/old.jpg"}
    store.objects.update(dict.fromkeys(orphans, b"ts"))
    store.objects.update({f"{RUN}/checkpoint.json": b"{}", "other/480p/00000.0badbeef.ts": b"ts"})
    with capture_logs() as logs:
        publish_and_delete(store, RUN)
    assert set(store.deleted) == orphans
    assert [(e["event"], e["count"]) for e in logs] == [("orphans_deleted", 3)]


def test_what_there_is_of_a_rung_that_was_given_up_stays_until_the_rung_is_added() -> None:
    """The job that adds it continues from there, also while this one deletes."""
    store = RecordingStore()
    made = RENDITIONS["720p"][0].name
    other = {f"{RUN}/720p/00000.0badbeef.ts", f"{RUN}/480p/00000.0badbeef.ts"}
    store.objects.update(dict.fromkeys((f"{RUN}/{made}", *other), b"ts"))
    without = {name: some for name, some in RENDITIONS.items() if name != "720p"}
    publish_and_delete(store, RUN, renditions=without)
    assert set(store.deleted) == {f"{RUN}/480p/00000.0badbeef.ts"}
    publish_and_delete(store, RUN)
    assert f"{RUN}/{made}" in store.objects
    assert not other & set(store.objects)


def test_a_run_published_again_with_other_bytes_keeps_what_viewers_are_reading() -> None:
    """Of a job that died before its manifest, too: the master playlist is asked."""
    store = RecordingStore()
    before = publish_to(store, RUN, renditions=OTHER)
    del store.objects["manifest.json"]
    seen = {key for key in store.objects if key.endswith((".ts", ".m3u8"))}
    publish_and_delete(store, RUN)
    assert seen <= set(store.objects)
    assert before.manifest.thumbnails[0] in store.objects
    publish_and_delete(store, RUN)
    assert f"{RUN}/{OTHER['480p'][0].name}" not in store.objects, "nobody had it any more"


def test_where_another_job_has_published_since_nothing_is_deleted() -> None:
    store = RecordingStore()
    for name in (A, B):
        publish_and_delete(store, name)
    previous = read_manifest(store)
    published = publish_to(store, C, previous=previous)
    store.objects[f"{C}/480p/00000.0badbeef.ts"] = b"ts"
    store.objects["master.m3u8"] = f"#EXTM3U\n{'d' * 16}/480p/index.m3u8\n".encode()
    with capture_logs() as logs:
        delete_leftovers(store, published, previous)
    assert not store.deleted
    assert [entry["event"] for entry in logs] == ["leftovers_not_deleted"]


def test_a_run_that_viewers_have_is_not_deleted() -> None:
    """Also where only the master playlist names it: its job died before the manifest."""
    store = RecordingStore()
    publish_and_delete(store, A)
    previous = read_manifest(store)
    publish_to(store, B, previous=previous)
    store.objects[f"{C}/480p/00000.0badbeef.ts"] = b"ts"
    for run in (A, B, C):
        delete_unpublished(store, run, previous)
    assert runs(store) == {A, B}
    assert [key.partition("/")[0] for key in store.deleted] == [C]


@pytest.mark.parametrize("master", [b"", b"\xff", b"#EXTM3U\n"])
def test_a_master_playlist_of_no_worker_is_no_obstacle(master: bytes) -> None:
    store = RecordingStore()
    store.objects["master.m3u8"] = master
    assert publish_and_delete(store, A).manifest.previous_run is None
