"""A store that fails: the worker retries, or ends with the right status.

Nothing is ever half published: a watcher reads the master playlist all the time.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.digests import without_digests
from tests.functional.conftest import Server, wait_for
from tests.functional.storage.faulty_job import (
    BUCKET,
    OPTIONS,
    JobOptions,
    assert_ended,
    assert_published_whole,
    with_patience,
)
from tests.functional.storage.proxy import Proxy
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker
from tests.published import Shape
from worker.config.location import S3Location
from worker.storage.s3 import S3Store


@pytest.mark.parametrize("seed", range(1, 5))
def test_occasional_faults_do_not_change_the_output(
    seed: int,
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """A fifth of all requests fails, in every way that the proxy knows, lost answers included."""
    proxy.seed(seed, 0.2)
    ended = run_worker(*job_options, before=with_patience(60))
    print(f"seed {seed}: {sum(proxy.faults.values())} of {len(proxy.seen)}: {dict(proxy.faults)}")
    assert sum(proxy.faults.values()) > 5
    assert ended.named("storage_retried")
    assert_published_whole(ended, destination, reference)


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_store_that_mostly_fails_ends_the_job_with_69_or_it_publishes(
    seed: int,
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """More requests fail than succeed, and the worker retries for four seconds."""
    proxy.seed(seed, 0.6)
    ended = run_worker(*job_options, before=with_patience(4))
    print(f"seed {seed}: {ended.status}, {dict(proxy.faults)}")
    if ended.status != 0:
        assert_ended(ended, 69, "submit the job again")
    proxy.rate = 0.0
    again = run_worker(*job_options, before=FAST_LEASE)
    assert_published_whole(again, destination, reference)


def test_a_store_that_is_down_for_half_the_patience_only_delays_the_job(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    reference: Shape,
) -> None:
    """A minute, by default."""
    running = start_worker(*job_options, before=with_patience(30))
    wait_for(lambda: any("PUT" in r and ".ts" in r for r in proxy.seen), what="upload")
    proxy.is_down = True
    time.sleep(15)
    proxy.is_down = False
    ended = running.wait(120)
    assert proxy.faults["reset"] > 5
    assert_published_whole(ended, destination, reference)


def test_a_store_that_stays_down_ends_the_job_with_69_and_the_next_one_continues(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """Stored segments are found by listing: no checkpoint could be written."""
    running = start_worker(*job_options, before=with_patience(3))
    wait_for(lambda: any("PUT" in r and "180p/" in r for r in proxy.seen), what="upload")
    time.sleep(0.5)
    proxy.is_down = True
    assert_ended(running.wait(60), 69, BUCKET, "submit the job again")
    proxy.is_down = False
    again = run_worker(*job_options, before=FAST_LEASE)
    assert again.final["segments_resumed"]
    assert_published_whole(again, destination, reference)


@pytest.mark.parametrize(
    ("concerned", "status", "word"),
    [
        ("/in/clip.mp4", 66, "/in/clip.mp4"),
        ("180p/", 73, "180p/"),
        ("master.m3u8", 73, "master.m3u8"),
    ],
    ids=["fetch", "encode", "publish"],
)
def test_refused_credentials_end_the_job_and_the_next_one_continues(
    concerned: str,
    status: int,
    word: str,
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """A refusal is not retried, and the message says what to fix."""
    proxy.refusal = "InvalidAccessKeyId"
    proxy.concerns = lambda request: concerned in request and "GET /faulty?" not in request
    ended = run_worker(*job_options)
    assert_ended(ended, status, word, "credentials")
    assert "InvalidAccessKeyId" in ended.final["message"]
    assert destination.get("master.m3u8") is None
    proxy.refusal = None
    assert_published_whole(run_worker(*job_options), destination, reference)


def test_lost_answers_to_conditional_writes_do_not_end_the_job(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """The next attempt finds master.m3u8, or the lease, changed by the attempt before."""
    proxy.kinds = ("lost",)
    proxy.seed(1, 0.5)
    proxy.concerns = lambda request: "PUT" in request and ".ts" not in request
    # Waits between attempts are the real ones here, so the lease is not much faster than that.
    ended = run_worker(*job_options, before=f"{with_patience(60)}\nlease.STALE_S = 30")
    assert proxy.faults["lost"] >= 3
    assert_published_whole(ended, destination, reference)


@pytest.mark.parametrize("name", ["moto", "rclone", "ceph"])
def test_of_two_jobs_that_start_at_once_one_publishes(
    name: str,
    request: pytest.FixtureRequest,
    start_worker: StartWorker,
    small_clip: Path,
    reference: Shape,
) -> None:
    server: Server = request.getfixturevalue(name)
    server.make_bucket(BUCKET)
    where = ("--destination", f"s3://{BUCKET}/twins", "--s3-endpoint", server.endpoint)
    options = ("--source", small_clip, *where, *OPTIONS, "--preset", "slower")
    twins = [start_worker(*options, before=FAST_LEASE) for _ in range(2)]
    ended = [twin.wait(120) for twin in twins]
    assert sorted(e.status for e in ended) == [0, 75], [e.stdout for e in ended]
    # rclone honors no condition, and the worker warns of it.
    warned = [e.named("lease_without_conditional_writes") for e in ended if e.status == 0]
    assert bool(warned[0]) == (name == "rclone")
    store = S3Store(server.client(), S3Location(bucket=BUCKET, key="twins"))
    published = next(e for e in ended if e.status == 0)
    assert_published_whole(published, store, reference)


def test_a_store_without_conditional_writes_can_be_published_to(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """It answers 501 to them: that is not retried, and the heartbeat alone decides."""
    proxy.knows_conditions = False
    ended = run_worker(*job_options, before=FAST_LEASE)
    assert ended.named("lease_without_conditional_writes")
    assert not ended.named("storage_retried")
    assert_published_whole(ended, destination, reference)


def test_an_outdated_run_that_may_not_be_deleted_is_a_warning(
    proxy: Proxy, job_options: JobOptions, destination: S3Store, run_worker: RunWorker
) -> None:
    """The answer to DeleteObjects is 200 even where the deletion of each object is denied."""
    proxy.keeps_objects = True
    ended = [run_worker(*job_options, "--ladder", rung) for rung in ("180", "144", "120")]
    assert [e.status for e in ended] == [0, 0, 0]
    assert [len(e.named("leftovers_not_deleted")) for e in ended] == [0, 0, 1]
    (warning,) = ended[-1].named("leftovers_not_deleted")
    outdated = ended[0].final["run"]
    assert f"/{outdated}/" in warning["reason"]
    assert "AccessDenied" in warning["reason"]
    assert destination.list(f"{outdated}/")


def test_answers_without_etag_are_retried_and_the_heartbeat_goes_on(
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    run_worker: RunWorker,
    reference: Shape,
) -> None:
    """Each third answer to the source, a heartbeat, the first segment and master.m3u8 lacks it."""
    seen = Counter[str]()

    def strips(request: str) -> bool:
        name = without_digests(request.partition("?")[0].rpartition("/")[2])
        if name not in {"clip.mp4", "status.json", "00001.ts", "master.m3u8"}:
            return False
        method = request.partition(" ")[0]
        seen[f"{method} {name}"] += 1
        return seen[f"{method} {name}"] % 3 == (1 if name != "status.json" else 0)

    proxy.strips_etag = strips
    ended = run_worker(*job_options, before=with_patience(60))
    reasons = [event["reason"] for event in ended.named("storage_retried")]
    for name in ("clip.mp4", "status.json", "00001.ts", "master.m3u8"):
        assert any(
            name in without_digests(reason) and "has no ETag" in reason for reason in reasons
        ), reasons
    # The heartbeat went on after that.
    assert seen["PUT status.json"] > 5
    assert not ended.named("status_not_written")
    assert "Exception in thread" not in ended.stderr
    assert_published_whole(ended, destination, reference)
