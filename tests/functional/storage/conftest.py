"""A destination in S3 behind a proxy that plants faults, and a job that works through it; Ceph."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import ROOT, Server, free_port, publish, serving
from tests.functional.storage.faulty_job import BUCKET, OPTIONS, JobOptions
from tests.functional.storage.proxy import Proxy, between
from tests.published import Shape, Watcher, shape
from worker.config.location import S3Location
from worker.layout import segment_file
from worker.storage.local import LocalStore
from worker.storage.s3 import S3Store


@pytest.fixture(scope="session")
def reference(small_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Shape:
    """What a job without faults publishes."""
    return shape(LocalStore(publish(tmp_path_factory.mktemp("reference"), small_clip, *OPTIONS)))


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Ceph RGW: the strictest implementation. It is there where scripts/ceph-rig has been run.

    Each process of pytest that needs it starts one, in seconds.
    """
    rig = str(ROOT / "scripts" / "ceph-rig")
    # It waits for a run that is making it.
    check = subprocess.run(
        [rig, "--check"], capture_output=True, text=True, timeout=600, check=False
    )
    if check.returncode != 0:
        pytest.skip(check.stderr.strip())
    port = free_port()
    log = tmp_path_factory.mktemp("ceph") / "log"
    with serving("ceph", [rig, "--serve", str(port)], port, log) as server:
        yield server


@pytest.fixture
def proxy(moto: Server) -> Iterator[Proxy]:
    moto.make_bucket(BUCKET)
    with between(moto) as proxy:
        yield proxy


@pytest.fixture
def destination(moto: Server, request: pytest.FixtureRequest) -> Iterator[S3Store]:
    """The destination behind the proxy. A watcher fails the test if it was ever incomplete."""
    store = S3Store(moto.client(), S3Location(bucket=BUCKET, key=request.node.name))
    watcher = Watcher(store)
    yield store
    watcher.close()
    assert watcher.reads
    assert watcher.faults == []


@pytest.fixture
def job_options(
    moto: Server, proxy: Proxy, small_clip: Path, request: pytest.FixtureRequest
) -> JobOptions:
    """Options of a job that works through the proxy, from S3 to S3."""
    store = S3Store(moto.client(), S3Location(bucket=BUCKET, key="in"))
    store.put(segment_file("clip.mp4", small_clip.read_bytes()))
    return (
        *("--source", f"s3://{BUCKET}/in/clip.mp4", *OPTIONS),
        *("--destination", f"s3://{BUCKET}/{request.node.name}"),
        *("--s3-endpoint", proxy.endpoint),
    )
