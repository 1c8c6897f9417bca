"""A store that fails in every way it can: asked again, or left with the right status.

Never is anything half published: a watcher reads the master playlist all the time.
"""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Ended, Run, Running, Server, Start, wait_for
from tests.functional.proxy import Proxy, between
from tests.functional.test_resume import FAST_LEASE
from tests.published import Watcher, shape
from worker.config.location import S3Location
from worker.layout import segment_file
from worker.storage.local import LocalStore
from worker.storage.s3 import S3Store

BUCKET = "faulty"
OPTIONS = ("--ladder", "180,120", "--segment", "2", "--preset", "veryfast")
IMPATIENT = (
    f"{FAST_LEASE}\nimport worker.storage.s3 as s3, worker.storage.retrying as retrying\n"
    "s3._READ_TIMEOUT_S = 1\nretrying.PATIENCE_S = {patience_s}"
)
# A stop has to be over by then, on any store.
LONGEST_STOP_S = 20


@pytest.fixture
def proxy(moto: Server) -> Iterator[Proxy]:
    client = moto.client()
    if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
        )
    with between(moto) as proxy:
        yield proxy


@pytest.fixture
def destination(moto: Server, request: pytest.FixtureRequest) -> Iterator[S3Store]:
    """The destination as it is behind the proxy; whenever anybody looked, it was whole."""
    store = S3Store(moto.client(), S3Location(bucket=BUCKET, key=request.node.name))
    watcher = Watcher(store)
    yield store
    watcher.close()
    assert watcher.looks
    assert watcher.faults == []


Place = tuple[str, ...]


@pytest.fixture
def place(proxy: Proxy, small_clip: Path, request: pytest.FixtureRequest) -> Place:
    """Options of a job that works through the proxy, S3 to S3."""
    proxy_free = S3Store(_client(proxy), S3Location(bucket=BUCKET, key="in"))
    proxy_free.put(segment_file("clip.mp4", small_clip.read_bytes()))
    return (
        *("--source", f"s3://{BUCKET}/in/clip.mp4", *OPTIONS),
        *("--destination", f"s3://{BUCKET}/{request.node.name}"),
        *("--s3-endpoint", proxy.endpoint),
    )


def _client(proxy: Proxy) -> Any:  # noqa: ANN401
    return Server("proxy", proxy.endpoint).client()


def assert_whole(ended: Ended, destination: S3Store, run_worker: Run, clip: Path) -> None:
    assert ended.status == 0, ended.stdout
    with tempfile.TemporaryDirectory() as out:
        assert run_worker("--source", clip, *OPTIONS, "--destination", out).status == 0
        assert shape(destination) == shape(LocalStore(Path(out)))


def assert_ended(ended: Ended, status: int, *words: str) -> None:
    assert ended.status == status, ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    for word in words:
        assert word in ended.final["message"]


@pytest.mark.parametrize("seed", range(1, 5))
def test_faults_now_and_then_are_not_noticed(
    seed: int,
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    run_worker: Run,
    small_clip: Path,
) -> None:
    """A fifth of all requests goes wrong, in every way there is; an answer that is lost as well."""
    proxy.seed(seed, 0.2)
    ended = run_worker(*place, before=IMPATIENT.format(patience_s=60))
    print(f"seed {seed}: {sum(proxy.faults.values())} of {len(proxy.seen)}: {dict(proxy.faults)}")
    assert sum(proxy.faults.values()) > 5
    assert ended.named("storage_retried")
    assert_whole(ended, destination, run_worker, small_clip)


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_store_that_hardly_works_ends_the_job_or_does_not(
    seed: int,
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    run_worker: Run,
    small_clip: Path,
) -> None:
    """More requests fail than succeed, and the worker's patience is four seconds."""
    proxy.seed(seed, 0.6)
    ended = run_worker(*place, before=IMPATIENT.format(patience_s=4))
    print(f"seed {seed}: {ended.status}, {dict(proxy.faults)}")
    if ended.status != 0:
        assert_ended(ended, 69, "submit the job again")
    proxy.rate = 0.0
    again = run_worker(*place, before=FAST_LEASE)
    assert_whole(again, destination, run_worker, small_clip)


def test_a_store_that_is_down_for_a_minute(
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    start_worker: Start,
    run_worker: Run,
    small_clip: Path,
) -> None:
    running = start_worker(*place)
    wait_for(lambda: any("PUT" in r and ".ts" in r for r in proxy.seen), what="an upload")
    proxy.is_down = True
    time.sleep(60)
    proxy.is_down = False
    ended = running.wait(120)
    assert proxy.faults["reset"] > 5
    assert_whole(ended, destination, run_worker, small_clip)


def test_a_store_that_stays_down(
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    start_worker: Start,
    run_worker: Run,
    small_clip: Path,
) -> None:
    """What it had taken in is found by listing: no checkpoint could be written."""
    running = start_worker(*place, before=IMPATIENT.format(patience_s=3))
    wait_for(lambda: any("PUT" in r and "180p/" in r for r in proxy.seen), what="an upload")
    time.sleep(0.5)
    proxy.is_down = True
    assert_ended(running.wait(60), 69, BUCKET, "submit the job again")
    proxy.is_down = False
    again = run_worker(*place, before=FAST_LEASE)
    assert again.final["segments_resumed"]
    assert_whole(again, destination, run_worker, small_clip)


@pytest.mark.parametrize(
    ("concerned", "status", "word"),
    [
        ("/in/clip.mp4", 66, "/in/clip.mp4"),
        ("180p/", 73, "180p/"),
        ("master.m3u8", 73, "master.m3u8"),
    ],
    ids=["fetch", "encode", "publish"],
)
def test_credentials_that_expire(
    concerned: str,
    status: int,
    word: str,
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    run_worker: Run,
    small_clip: Path,
) -> None:
    """Nothing is asked again that will not change; the job says what to mend, and goes on later."""
    proxy.refusal = "ExpiredToken"
    proxy.concerns = lambda request: concerned in request and "GET /faulty?" not in request
    ended = run_worker(*place)
    assert_ended(ended, status, word, "credentials")
    # HEAD has no body to say it in.
    assert "ExpiredToken" in ended.final["message"] or "403" in ended.final["message"]
    assert destination.get("master.m3u8") is None
    proxy.refusal = None
    assert_whole(run_worker(*place), destination, run_worker, small_clip)


def test_a_publishing_write_whose_answer_was_lost(
    proxy: Proxy, place: Place, destination: S3Store, run_worker: Run, small_clip: Path
) -> None:
    """The next attempt finds master.m3u8 changed, by itself; so do the lease's writes."""
    proxy.kinds = ("lost",)
    proxy.seed(1, 0.7)
    proxy.concerns = lambda request: "PUT" in request and ".ts" not in request
    ended = run_worker(*place, before=IMPATIENT.format(patience_s=60))
    assert proxy.faults["lost"] >= 3
    assert_whole(ended, destination, run_worker, small_clip)


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_of_two_that_start_at_once_one_works(
    name: str,
    request: pytest.FixtureRequest,
    start_worker: Start,
    run_worker: Run,
    small_clip: Path,
) -> None:
    server: Server = request.getfixturevalue(name)
    if BUCKET not in [bucket["Name"] for bucket in server.client().list_buckets()["Buckets"]]:
        server.client().create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
        )
    where = ("--destination", f"s3://{BUCKET}/twins", "--s3-endpoint", server.endpoint)
    options = ("--source", small_clip, *where, *OPTIONS, "--preset", "slower")
    twins = [start_worker(*options, before=FAST_LEASE) for _ in range(2)]
    ended = [twin.wait(120) for twin in twins]
    assert sorted(e.status for e in ended) == [0, 75], [e.stdout for e in ended]
    # rclone looks at no condition, and the log says what that means.
    warned = [e.named("lease_without_conditional_writes") for e in ended if e.status == 0]
    assert bool(warned[0]) == (name == "rclone")
    store = S3Store(server.client(), S3Location(bucket=BUCKET, key="twins"))
    assert_whole(next(e for e in ended if e.status == 0), store, run_worker, small_clip)


def test_a_store_that_knows_no_conditional_writes(
    proxy: Proxy, place: Place, destination: S3Store, run_worker: Run, small_clip: Path
) -> None:
    """It answers 501 to them: nothing is asked again for that, and the heartbeat alone decides."""
    proxy.knows_conditions = False
    ended = run_worker(*place, before=FAST_LEASE)
    assert ended.named("lease_without_conditional_writes")
    assert not ended.named("storage_retried")
    assert_whole(ended, destination, run_worker, small_clip)


def test_an_outdated_run_that_may_not_be_deleted_is_told(
    proxy: Proxy, place: Place, destination: S3Store, run_worker: Run
) -> None:
    """The answer to DeleteObjects is 200 even where each object is denied."""
    proxy.keeps_objects = True
    ended = [run_worker(*place, "--ladder", rung) for rung in ("180", "144", "120")]
    assert [e.status for e in ended] == [0, 0, 0]
    assert [len(e.named("outdated_run_not_deleted")) for e in ended] == [0, 0, 1]
    (told,) = ended[-1].named("outdated_run_not_deleted")
    outdated = ended[0].final["run"]
    assert f"/{outdated}/" in told["reason"]
    assert "AccessDenied" in told["reason"]
    assert destination.list(f"{outdated}/")


def stop(running: Running, signals: int = 1) -> tuple[Ended, float]:
    """Send SIGTERM; return what came of it, and after how many seconds."""
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
        ("encode", "PUT /faulty/*180p/0000?.ts"),
        ("verify", "GET /faulty?*list-type=2*"),
        ("publish", "PUT /faulty/*master.m3u8"),
    ],
    ids=lambda value: value if value.isalpha() else "",
)
def test_143_while_the_store_answers_nothing(
    step: str,
    held: str,
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    start_worker: Start,
    run_worker: Run,
    small_clip: Path,
) -> None:
    uploaded = step == "verify"
    proxy.holds = lambda request: (
        fnmatch(request, held) and (not uploaded or any(".ts" in r for r in proxy.seen))
    )
    running = start_worker(*place, before=FAST_LEASE)
    assert proxy.held.wait(60)
    ended, took_s = stop(running)
    print(f"SIGTERM in {step}: {took_s:.1f} s")
    assert_ended(ended, 143, "SIGTERM")
    assert destination.get("master.m3u8") is None
    proxy.holds = lambda _: False
    assert_whole(run_worker(*place, before=FAST_LEASE), destination, run_worker, small_clip)


def test_143_while_ffprobe_reads(
    proxy: Proxy, place: Place, destination: S3Store, start_worker: Start, tmp_path: Path
) -> None:
    """ffprobe and what it started are gone afterwards."""
    slow, marker = tmp_path / "ffprobe", tmp_path / "probing"
    slow.write_text(f"#!/bin/sh\ntouch {marker}\nsleep 300\n")
    slow.chmod(0o755)
    running = start_worker(*place, environment={"WORKER_FFPROBE": str(slow)})
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


def test_143_on_a_slow_store_is_in_order_and_a_second_signal_is_faster(
    proxy: Proxy,
    place: Place,
    destination: S3Store,
    start_worker: Start,
    run_worker: Run,
    small_clip: Path,
) -> None:
    """Three seconds an answer: the checkpoint and status.json are written all the same."""
    took: list[float] = []
    for signals in (1, 2):
        proxy.delay_s, proxy.seen[:] = 0.0, []
        running = start_worker(*place, "--preset", "slower", before=FAST_LEASE)
        wait_for(lambda: any("180p/" in r for r in proxy.seen), what="an upload")
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
    # A heartbeat that was under way when the job was hurried still lands; then nothing moves.
    time.sleep(proxy.delay_s + 1)
    proxy.delay_s = 0.0
    ended = run_worker(*place, "--preset", "slower", before=FAST_LEASE)
    assert_whole(ended, destination, run_worker, small_clip)
