"""SIGTERM ends a job in time with status 143, whatever the store does meanwhile."""

from __future__ import annotations

import json
import signal
import time
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.functional.conftest import wait_for
from tests.functional.storage.faulty_job import JobOptions, assert_ended, assert_published_whole
from tests.functional.storage.proxy import Proxy
from tests.functional.worker_process import FAST_LEASE, Ended, Running, RunWorker, StartWorker
from tests.published import Shape
from worker.storage.s3 import S3Store

# A stop must be complete by then, on any store.
LONGEST_STOP_S = 20


def stop(running: Running, signals: int = 1) -> tuple[Ended, float]:
    """Send SIGTERM; return how the worker ended, and after how many seconds."""
    started_s = time.monotonic()
    for _ in range(signals):
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    ended = running.wait(60)
    took_s = time.monotonic() - started_s
    assert took_s < LONGEST_STOP_S, ended.stdout
    return ended, took_s


@pytest.mark.parametrize(
    ("step", "held"),
    [
        ("start", "GET /faulty/*status.json"),
        ("fetch", "GET /faulty/in/clip.mp4"),
        ("recall", "GET /faulty?*list-type=2*"),
        ("encode", "PUT /faulty/*180p/0000?.*.ts"),
        ("verify", "GET /faulty?*list-type=2*"),
        ("publish", "PUT /faulty/*master.m3u8"),
    ],
    ids=lambda value: value if value.isalpha() else "",
)
def test_sigterm_ends_a_job_with_143_while_the_store_does_not_answer(
    step: str,
    held: str,
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    after_upload = step == "verify"
    proxy.holds = lambda request: (
        fnmatchcase(request, held) and (not after_upload or any(".ts" in r for r in proxy.seen))
    )
    running = start_worker(*job_options, before=FAST_LEASE)
    assert proxy.held.wait(60)
    ended, took_s = stop(running)
    print(f"SIGTERM in {step}: {took_s:.1f} s")
    assert_ended(ended, 143, "SIGTERM")
    assert destination.get("master.m3u8") is None
    proxy.holds = lambda _: False
    again = run_worker(*job_options, before=FAST_LEASE)
    assert_published_whole(again, destination, reference)


def test_sigterm_ends_ffprobe_and_its_children(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    tmp_path: Path,
) -> None:
    slow, marker = tmp_path / "ffprobe", tmp_path / "probing"
    slow.write_text(f"#!/bin/sh\ntouch {marker}\nsleep 300\n")
    slow.chmod(0o755)
    running = start_worker(*job_options, environment={"WORKER_FFPROBE": str(slow)})
    wait_for(marker.exists, what="ffprobe")
    children = running.children()
    ended, took_s = stop(running)
    assert_ended(ended, 143)
    assert took_s < 5
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    record = destination.get("status.json")
    assert record
    assert json.loads(record.data)["outcome"]["exit_status"] == 143
    assert proxy.seen


def test_a_stop_on_a_slow_store_saves_the_records_and_a_second_signal_is_faster(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """Each answer takes three seconds: checkpoint.json and status.json are written nevertheless."""
    took: list[float] = []
    for signals in (1, 2):
        proxy.delay_s, proxy.seen[:] = 0.0, []
        running = start_worker(*job_options, "--preset", "slower", before=FAST_LEASE)
        wait_for(lambda: any("180p/" in r for r in proxy.seen), what="upload")
        proxy.delay_s = 3.0
        ended, took_s = stop(running, signals)
        assert_ended(ended, 143)
        took.append(took_s)
        if signals == 1:
            record = destination.get("status.json")
            assert record
            assert json.loads(record.data)["outcome"]["exit_status"] == 143
            run = json.loads(record.data)["run"]
            assert destination.get(f"{run}/checkpoint.json")
    print(f"one signal {took[0]:.1f} s, two signals {took[1]:.1f} s")
    assert took[1] < took[0]
    # A heartbeat that was under way at the second signal still arrives; then nothing changes.
    time.sleep(proxy.delay_s + 1)
    proxy.delay_s = 0.0
    ended = run_worker(*job_options, "--preset", "slower", before=FAST_LEASE)
    assert_published_whole(ended, destination, reference)
