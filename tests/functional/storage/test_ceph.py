"""A job's life on Ceph RGW, whose dialect of S3 is its own: resume, lease, takeover, refusal.

`-k ceph` runs these, and the tests of S3 in other modules that also run on Ceph.
"""

from __future__ import annotations

import json
import signal
import uuid
from datetime import datetime
from pathlib import Path

import pytest

from tests.functional.conftest import Server, wait_for
from tests.functional.storage.faulty_job import OPTIONS, assert_ended, assert_published_whole
from tests.functional.worker_process import FAST_LEASE, Ended, Running, RunWorker, StartWorker
from tests.published import Shape
from worker.config.location import S3Location
from worker.layout import STATUS, json_file, segment_file
from worker.storage.base import PreconditionFailedError
from worker.storage.s3 import S3Store

BUCKET = "academy"


class Destination:
    """A prefix that no other test has, and the options of a job that publishes there."""

    def __init__(self, server: Server, source: Path) -> None:
        location = S3Location(bucket=BUCKET, key=f"ceph/{uuid.uuid4().hex}")
        self.client = server.client()
        self.store = S3Store(self.client, location)
        self.options = (
            *("--source", str(source), *OPTIONS),
            *("--destination", str(location), "--s3-endpoint", server.endpoint),
        )
        self._prefix = f"{location.key}/"

    def written(self) -> dict[str, datetime]:
        """When each object was last written."""
        answer = self.client.list_objects_v2(Bucket=BUCKET, Prefix=self._prefix)
        return {item["Key"]: item["LastModified"] for item in answer.get("Contents", ())}

    def segments(self) -> dict[str, datetime]:
        """Those of the rungs: of the audio either all count, or none."""
        return {
            key: at for key, at in self.written().items() if key.endswith(".ts") and "p/" in key
        }


@pytest.fixture
def destination(ceph: Server, small_clip: Path) -> Destination:
    ceph.make_bucket(BUCKET)
    return Destination(ceph, small_clip)


def held_until(gate: Path) -> str:
    """Code that keeps one segment from being stored until the file `gate` exists."""
    return (
        f"{FAST_LEASE}\n"
        "import pathlib, time, worker.storage.s3 as s3\n"
        "put = s3.S3Store.put\n"
        "def held(self, file):\n"
        "    deadline = time.monotonic() + 120\n"
        f"    while '180p/00003' in file.key and not pathlib.Path({str(gate)!r}).exists():\n"
        "        assert time.monotonic() < deadline\n"
        "        time.sleep(0.05)\n"
        "    return put(self, file)\n"
        "s3.S3Store.put = held"
    )


def wait_for_segments(running: Running, destination: Destination, count: int) -> None:
    def are_stored() -> bool:
        assert running.process.poll() is None, running.wait().stdout
        return len(destination.segments()) >= count

    wait_for(are_stored, what=f"{count} stored segments")


def assert_published(ended: Ended, destination: Destination, reference: Shape) -> None:
    assert_published_whole(ended, destination.store, reference)
    # Ceph honors conditional writes, and no answer was mistaken for a passing fault.
    assert not ended.named("lease_without_conditional_writes")
    assert not ended.named("storage_retried")
    status, manifest = (destination.store.get(name) for name in (STATUS, "manifest.json"))
    assert status
    assert manifest
    assert json.loads(status.data)["outcome"]["name"] == "published"
    assert json.loads(manifest.data)["run"] == ended.final["run"]


def test_a_job_publishes_and_the_same_job_again_finds_it_published(
    destination: Destination, run_worker: RunWorker, reference: Shape
) -> None:
    assert_published(run_worker(*destination.options), destination, reference)
    again = run_worker(*destination.options)
    assert again.status == 0
    assert again.final["already_published"]


def test_a_killed_job_is_resumed(
    destination: Destination,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
    tmp_path: Path,
) -> None:
    killed = start_worker(*destination.options, before=held_until(tmp_path / "never"))
    wait_for_segments(killed, destination, 6)
    killed.process.send_signal(signal.SIGKILL)
    assert killed.wait(30).status == -signal.SIGKILL
    before = destination.segments()
    ended = run_worker(*destination.options, before=FAST_LEASE)
    assert_published(ended, destination, reference)
    assert ended.named("lease_taken_over")
    assert ended.final["segments_resumed"] >= len(before)
    after = destination.segments()
    assert {key: after[key] for key in before} == before, "written twice"


def test_a_live_job_keeps_its_destination(
    destination: Destination,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    live = start_worker(*destination.options, before=held_until(gate))
    wait_for_segments(live, destination, 1)
    assert_ended(run_worker(*destination.options), 75, "is working on")
    gate.touch()
    assert_published(live.wait(60), destination, reference)


def test_a_suspended_job_does_not_overwrite_its_successor(
    destination: Destination,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    suspended = start_worker(*destination.options, before=held_until(gate))
    wait_for_segments(suspended, destination, 1)
    suspended.process.send_signal(signal.SIGSTOP)
    successor = run_worker(*destination.options, before=FAST_LEASE)
    assert successor.named("lease_taken_over")
    assert_published(successor, destination, reference)
    before = destination.written()
    gate.touch()
    suspended.process.send_signal(signal.SIGCONT)
    assert_ended(suspended.wait(60), 75, "took")
    after = destination.written()
    names = ("master.m3u8", "manifest.json", "status.json")
    assert [key for key in before if key.endswith(names) and after[key] != before[key]] == []
    assert_published_whole(successor, destination.store, reference)


def test_a_wrong_secret_is_refused(destination: Destination, run_worker: RunWorker) -> None:
    """At once, and with what to fix."""
    ended = run_worker(*destination.options, environment={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert_ended(ended, 73, "SignatureDoesNotMatch", "credentials")
    assert not ended.named("storage_retried")
    assert destination.written() == {}


def test_a_conditional_write_succeeds_on_the_expected_version_only(
    destination: Destination,
) -> None:
    store = destination.store
    first = store.replace(json_file(STATUS, b"1"), etag=None)
    second = store.replace(json_file(STATUS, b"2"), etag=first.etag)
    for etag in (None, first.etag, "0" * 32):
        with pytest.raises(PreconditionFailedError):
            store.replace(json_file(STATUS, b"3"), etag=etag)
    content = store.get(STATUS)
    assert content
    assert (content.data, content.etag) == (b"2", second.etag)
    with pytest.raises(PreconditionFailedError):
        store.replace(json_file("none.json", b"1"), etag=first.etag)
    assert store.get("none.json") is None


def test_more_objects_are_deleted_than_one_request_may_name(destination: Destination) -> None:
    """Ceph refuses a request that names more than 1,000; those that are not there count too."""
    for name in ("0", "1000", "kept"):
        destination.store.put(segment_file(name, b"content"))
    destination.store.delete(map(str, range(1001)))
    assert set(destination.store.list("")) == {"kept"}
