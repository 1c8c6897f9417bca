"""Downloads from an HTTP server with faults: cut connections, no ranges, secrets in URLs."""

from __future__ import annotations

import ctypes
import errno
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.functional.conftest import Server
from tests.functional.hls import files, without_run_name
from tests.functional.worker_process import RunWorker
from worker.config.location import S3Location
from worker.errors import CannotWriteError, NoSourceError
from worker.source import download
from worker.storage.s3_source import S3Source

SECRET = "X-Amz-Signature=0123456789abcdef"


class FaultyServer(ThreadingHTTPServer):
    """Serves one body. The first `cuts` answers break off; `ranges` False ignores Range."""

    daemon_threads = True

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body
        self.cuts = 0
        self.ranges = True
        self.status = 0
        self.failures = 0
        self.replaced_after: int | None = None
        self.requested: list[str | None] = []

    @property
    def source(self) -> tuple[str, ...]:
        return ("--allow-private-sources", "--source", self.url)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/upload/in.mp4?{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: FaultyServer

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requested.append(wanted)
        if self.server.failures > 0:
            self.server.failures -= 1
            self.send_error(503)
            return
        after = self.server.replaced_after
        etag = '"v1"' if after is None or len(self.server.requested) <= after else '"v2"'
        if self.headers.get("If-Match", etag) != etag:
            self.send_error(412)
            return
        if self.server.status:
            self.send_error(self.server.status)
            return
        first, last = 0, len(self.server.body) - 1
        if wanted and self.server.ranges and last < 0:
            self.send_response(416)
            self.send_header("Content-Range", "bytes */0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if wanted and self.server.ranges:
            a, _, b = wanted.removeprefix("bytes=").partition("-")
            first, last = int(a), min(int(b), last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(self.server.body)}")
        else:
            self.send_response(200)
        body = self.server.body[first : last + 1]
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        self.end_headers()
        if len(body) > 1 and self.server.cuts > 0:
            self.server.cuts -= 1
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@pytest.fixture
def faulty(calm_clip: Path) -> Iterator[FaultyServer]:
    server = FaultyServer(calm_clip.read_bytes())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_continues_where_its_connection_was_cut(
    faulty: FaultyServer, run_worker: RunWorker, calm_clip: Path, tmp_path: Path
) -> None:
    """Not from the start; what is published is the same as of the local file."""
    faulty.cuts = 3
    out, local = tmp_path / "out", tmp_path / "local"
    assert run_worker(*faulty.source, "--destination", out).status == 0
    starts = [int(r.removeprefix("bytes=").partition("-")[0]) for r in faulty.requested if r]
    assert len(starts) == 5
    assert starts[2:] == sorted(set(starts[2:]))
    assert run_worker("--source", calm_clip, "--destination", local).status == 0
    assert without_run_name(files(out)) == without_run_name(files(local))


def test_a_server_without_ranges_is_read_from_the_start_again(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    faulty.ranges, faulty.cuts = False, 2
    ended = run_worker(*faulty.source, "--destination", tmp_path / "out", "--plan-only")
    assert ended.status == 0, ended.stdout
    assert len(faulty.requested) >= 3


def test_a_server_that_fails_for_a_moment_is_requested_again(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    faulty.failures = 3
    ended = run_worker(*faulty.source, "--destination", tmp_path / "out", "--plan-only")
    assert ended.status == 0, ended.stdout


def test_a_source_that_is_replaced_during_its_download_ends_the_job_with_66(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    """Bytes of two versions are never mixed."""
    faulty.replaced_after = 1
    ended = run_worker(*faulty.source, "--destination", tmp_path / "out")
    assert ended.status == 66
    assert "was replaced while it was read (HTTP 412)" in ended.final["message"]
    assert "submit the job again" in ended.final["message"]


def test_an_s3_source_that_is_replaced_is_reported_as_replaced(moto: Server) -> None:
    client = moto.client()
    moto.make_bucket("replaced")
    client.put_object(Bucket="replaced", Key="in.mp4", Body=b"one")
    source = S3Source(client, S3Location(bucket="replaced", key="in.mp4"))
    client.put_object(Bucket="replaced", Key="in.mp4", Body=b"another")
    with pytest.raises(NoSourceError, match="was replaced while it was read"):
        next(source.read(0, 4))


@pytest.mark.parametrize("ranges", [True, False])
def test_an_empty_upload_is_a_bad_source(
    ranges: bool,  # noqa: FBT001 (named by parametrize)
    faulty: FaultyServer,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    """It has no first byte to request; the message is that of an empty local file."""
    faulty.body, faulty.ranges = b"", ranges
    empty = tmp_path / "empty.mp4"
    empty.touch()
    out = tmp_path / "out"
    ended = run_worker(*faulty.source, "--destination", out)
    local = run_worker("--source", empty, "--destination", out)
    assert (ended.status, local.status) == (65, 65)
    assert ended.final["message"] == local.final["message"]


def test_plan_only_of_a_remote_source_prints_nothing_but_the_plan(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    ended = run_worker(*faulty.source, "--destination", tmp_path / "out", "--plan-only")
    assert ended.status == 0
    assert json.loads(ended.stdout)["segment_count"] == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("status", "exit_status"), [(403, 66), (404, 66), (503, 69)])
def test_a_refusal_is_reported_without_the_secret_of_the_url(
    status: int, exit_status: int, faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    faulty.status = status
    out = tmp_path / "out"
    ended = run_worker(
        *(*faulty.source, "--destination", out),
        before="import worker.storage.retrying as retrying; retrying.PATIENCE_S = 5",
    )
    assert ended.status == exit_status
    assert str(status) in ended.final["message"]
    assert SECRET not in ended.stdout + ended.stderr
    assert "0123456789abcdef" not in ended.stdout + ended.stderr


def test_no_log_line_and_no_published_file_holds_the_query_of_the_url(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    """In a job that publishes."""
    out = tmp_path / "out"
    ended = run_worker(*faulty.source, "--destination", out, "--log-level", "debug")
    assert ended.status == 0
    assert SECRET not in ended.stdout + ended.stderr
    assert not [name for name, data in files(out).items() if SECRET.encode() in data]


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSPC])
def test_a_file_system_that_cannot_allocate_is_written_to(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS, on which posix_fallocate would write to each block; a full disk is an error."""

    def refuse(*_: int) -> int:
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(download, "_FALLOCATE", refuse)
    if number == errno.ENOSPC:
        with pytest.raises(CannotWriteError, match="No space"):
            download._allocate(tmp_path / "source", 1 << 20)
    else:
        download._allocate(tmp_path / "source", 1 << 20)
        assert (tmp_path / "source").exists()


def test_blocks_are_allocated_where_the_file_system_can(tmp_path: Path) -> None:
    download._allocate(tmp_path / "source", 1 << 20)
    assert (tmp_path / "source").stat().st_blocks * 512 >= 1 << 20
