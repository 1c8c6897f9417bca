"""A job that stands still is taken over; when it goes on, it harms nothing of its successor's."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.functional.conftest import Server, wait_for
from tests.functional.storage.faulty_job import BUCKET, JobOptions, assert_published_whole
from tests.functional.storage.proxy import Proxy
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker
from tests.published import Shape
from worker.layout import CHECKPOINT, MASTER, STATUS, THUMBNAIL, segment_file
from worker.publish.manifest import published_keys, read_manifest
from worker.storage.s3 import S3Store

# So that a job of seconds is still working when the test interferes.
SLOW_UPLOADS = (
    "import time, worker.upload.uploader as uploader\n"
    "move = uploader.Uploader._move\n"
    "def slowly(self, finished):\n"
    "    time.sleep(0.7)\n"
    "    move(self, finished)\n"
    "uploader.Uploader._move = slowly"
)
STOPS_AT_PUBLISH = (
    "import os, signal, worker.publish.publish as module\n"
    "publish = module.publish\n"
    "def stopped(*args, **options):\n"
    "    os.kill(os.getpid(), signal.SIGSTOP)\n"
    "    return publish(*args, **options)\n"
    "module.publish = stopped"
)


def segments(store: S3Store) -> set[str]:
    return {key for key in store.list("") if key.endswith(".ts")}


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_an_overtaken_job_writes_nothing_into_its_successors_run(
    proxy: Proxy,
    moto: Server,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    reference: Shape,
) -> None:
    """Both encode the same run, at presets that give other bytes."""
    before = f"{FAST_LEASE}\n{SLOW_UPLOADS}"
    overtaken = start_worker(*job_options, "--preset", "slow", before=before)
    wait_for(lambda: len(segments(destination)) > 2, what="first segments")
    overtaken.process.send_signal(signal.SIGSTOP)
    found = segments(destination)
    direct = (*job_options, "--s3-endpoint", moto.endpoint)
    successor = start_worker(*direct, before=before)
    wait_for(lambda: len(segments(destination) - found) > 2, what="the successor's segments")
    at = len(proxy.seen)
    overtaken.process.send_signal(signal.SIGCONT)
    assert overtaken.wait(60).status == 75
    wrote = {line.rpartition("/")[2] for line in proxy.seen[at:] if line.startswith("PUT")}
    assert wrote <= {STATUS}, "whose condition fails"
    ended = successor.wait(60)
    assert ended.named("lease_taken_over")
    assert_published_whole(ended, destination, reference)
    manifest = read_manifest(destination)
    assert manifest
    named = {*published_keys(manifest), f"{manifest.run}/{CHECKPOINT}"}
    assert {key for key in destination.list("") if "/" in key} == named, "no orphan is left"


def test_a_job_that_is_overtaken_before_its_publish_replaces_nothing(
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    run_worker: RunWorker,
    short_clip: Path,
    reference: Shape,
) -> None:
    """Of another lecture: its thumbnail would be seen, and its master playlist."""
    destination.put(segment_file("other.mp4", short_clip.read_bytes()))
    other = (*job_options, "--source", f"s3://{BUCKET}/{_prefix(destination)}other.mp4")
    overtaken = start_worker(*other, before=f"{FAST_LEASE}\n{STOPS_AT_PUBLISH}")
    wait_for(lambda: is_stopped(overtaken.process.pid), what="the publish", timeout_s=60)
    ended = run_worker(*job_options, before=FAST_LEASE)
    assert_published_whole(ended, destination, reference)
    before = {name: destination.get(name) for name in (MASTER, THUMBNAIL, "manifest.json", STATUS)}
    overtaken.process.send_signal(signal.SIGCONT)
    assert overtaken.wait(60).status == 75
    assert {name: destination.get(name) for name in before} == before


def test_a_live_job_whose_heartbeats_are_slow_keeps_its_destination(
    proxy: Proxy,
    moto: Server,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """Its writes of status.json take nearly as long as they are waited for."""
    proxy.concerns = lambda request: request.startswith("PUT") and request.endswith(STATUS)
    proxy.delay_s = 2.3
    # A tenth of the real ones.
    before = (
        "import worker.storage.lease as lease, worker.monitoring.status as status\n"
        "lease.STALE_S, lease.ANSWER_S, lease._WATCH_S = 4.5, 2.5, 0.1\n"
        "status.HEARTBEAT_S, status._LEAST_INTERVAL_S = 1.0, 0.4"
    )
    alive = start_worker(*job_options, before=f"{before}\n{SLOW_UPLOADS}")
    wait_for(lambda: destination.get(STATUS) is not None, what="status.json")
    time.sleep(1)
    other = run_worker(*job_options, "--s3-endpoint", moto.endpoint, before=before)
    assert other.status == 75, other.stdout
    ended = alive.wait(60)
    assert_published_whole(ended, destination, reference)
    assert not ended.named("status_not_written")


def _prefix(store: S3Store) -> str:
    return str(store).removeprefix(f"s3://{BUCKET}/")
