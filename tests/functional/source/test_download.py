"""Downloads from an HTTP server with faults: cut connections, no ranges, secrets in URLs."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Server
from tests.functional.hls import files, without_run_name
from tests.functional.worker_process import Ended, RunWorker
from worker.config.location import S3Location
from worker.errors import CannotWriteError, NoSourceError
from worker.source import download
from worker.storage.s3_source import S3Source

# So that a short clip is read by many requests.
IN_SMALL_RANGES = "import worker.source.download as d; d._RANGE_BYTES = 1 << 15"
SECRET = "X-Amz-Signature=0123456789abcdef"


class FaultyServer(ThreadingHTTPServer):
    """Serves one body, to https and to S3 alike, and does not know conditional requests.

    - `cuts`: so many answers break off
    - `ranges` False: Range is ignored
    - `failures`, `status`: so many answers are 503; all have this status
    - `replaced_after`: after so many requests it is the other of two `versions`: body and headers
    - `strays`: so many answers are of the first bytes, whatever was requested
    - `trickles`: after the first answer comes one byte at a time
    """

    daemon_threads = True

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body
        self.replacement = body
        self.headers: tuple[dict[str, str], dict[str, str]] = ({"ETag": '"v1"'}, {"ETag": '"v2"'})
        self.cuts = 0
        self.ranges = True
        self.status = 0
        self.failures = 0
        self.replaced_after: int | None = None
        self.strays = 0
        self.trickles = False
        self.requested: list[str | None] = []

    @property
    def source(self) -> tuple[str, ...]:
        return ("--allow-private-sources", "--source", self.url)

    @property
    def s3_source(self) -> tuple[str, ...]:
        return ("--s3-endpoint", self.endpoint, "--source", "s3://upload/in.mp4")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.endpoint}/upload/in.mp4?{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: FaultyServer

    def do_GET(self) -> None:
        server = self.server
        server.requested.append(self.headers.get("Range"))
        if server.failures > 0:
            server.failures -= 1
            self.send_error(503)
        elif server.status:
            self.send_error(server.status)
        else:
            self._answer()

    def _answer(self) -> None:
        server = self.server
        after = server.replaced_after
        is_new = after is not None and len(server.requested) > after
        whole = server.replacement if is_new else server.body
        body = self._begin(whole)
        self.send_header("Content-Length", str(len(body)))
        for name, value in server.headers[is_new].items():
            self.send_header(name, value)
        self.end_headers()
        if server.trickles and len(server.requested) > 1:
            self._trickle(body)
        elif len(body) > 1 and server.cuts > 0:
            server.cuts -= 1
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.close()
        else:
            self.wfile.write(body)

    def _begin(self, whole: bytes) -> bytes:
        """Send what depends on the range, and return what belongs into the body."""
        wanted = self.headers.get("Range")
        if not wanted or not self.server.ranges:
            self.send_response(200)
            return whole
        first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        if first >= len(whole):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(whole)}")
            return b""
        if first and self.server.strays > 0:
            self.server.strays -= 1
            first, last = 0, last - first
        last = min(last, len(whole) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        return whole[first : last + 1]

    def _trickle(self, body: bytes) -> None:
        with contextlib.suppress(OSError):
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.02)

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


ETAGS = ({"ETag": '"v1"'}, {"ETag": '"v2"'})
WEAK_ETAGS = ({"ETag": 'W/"v1"'}, {"ETag": 'W/"v2"'})
TIMES = (
    {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
    {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"},
)


@pytest.mark.parametrize(
    ("headers", "difference"),
    [
        (ETAGS, 'ETag was "v1", and is "v2"'),
        (WEAK_ETAGS, "ETag"),
        (TIMES, "Last-Modified"),
        (({}, {}), "bytes, and has"),
    ],
    ids=["ETag", "weak ETag", "Last-Modified", "size"],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_source_that_is_replaced_during_its_download_ends_the_job_with_66(
    headers: tuple[dict[str, str], dict[str, str]],
    difference: str,
    ranges: bool,  # noqa: FBT001 (named by parametrize)
    faulty: FaultyServer,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    """Bytes of two versions are never mixed, in ranges or in what is read from the start again."""
    faulty.headers, faulty.ranges = headers, ranges
    # One byte more, at the end of a whole video, where only the size differs.
    faulty.replacement = faulty.body + (b"" if headers[0] else b"x")
    faulty.replaced_after, faulty.cuts = 2, 0 if ranges else 2
    out = tmp_path / "out"
    ended = run_worker(*faulty.source, "--destination", out, before=IN_SMALL_RANGES)
    assert_was_replaced(ended, out, difference)


def test_an_s3_source_that_is_replaced_during_its_download_ends_the_job_with_66(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    """The store does not know If-Match."""
    faulty.replaced_after = 2
    out = tmp_path / "out"
    ended = run_worker(*faulty.s3_source, "--destination", out, before=IN_SMALL_RANGES)
    assert_was_replaced(ended, out, "ETag")


@pytest.mark.parametrize("kind", ["source", "s3_source"])
def test_a_source_that_is_shorter_by_now_was_replaced(
    kind: str, faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    """Its last ranges do not exist any more."""
    faulty.replacement, faulty.replaced_after = b"short", 1
    out = tmp_path / "out"
    options = (*getattr(faulty, kind), "--destination", out, "--upload-threads", "1")
    ended = run_worker(*options, before=f"{IN_SMALL_RANGES}; d.range = lambda *a: range(*a)[1:]")
    assert_was_replaced(ended, out, "it is shorter")


def assert_was_replaced(ended: Ended, out: Path, difference: str) -> None:
    assert ended.status == 66, ended.stdout
    assert "was replaced while it was read" in ended.final["message"]
    assert difference in ended.final["message"]
    assert "submit the job again" in ended.final["message"]
    assert not (out / "master.m3u8").exists()


@pytest.mark.parametrize("kind", ["source", "s3_source"])
def test_an_answer_of_another_range_is_requested_again(
    kind: str, faulty: FaultyServer, run_worker: RunWorker, calm_clip: Path, tmp_path: Path
) -> None:
    """It is no other version: something on the way answers for the server."""
    faulty.strays = 2
    out, local = tmp_path / "out", tmp_path / "local"
    options = (*getattr(faulty, kind), "--destination", out)
    ended = run_worker(*options, before=IN_SMALL_RANGES)
    assert ended.status == 0, ended.stdout
    assert ["and it has Content-Range: bytes 0-" in e["reason"] for e in retried(ended)] == [
        *(True, True),
    ]
    assert run_worker("--source", calm_clip, "--destination", local).status == 0
    assert without_run_name(files(out)) == without_run_name(files(local))


def test_answers_that_are_always_of_another_range_end_the_job_with_69(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    faulty.strays = 1 << 30
    ended = run_worker(
        *(*faulty.source, "--destination", tmp_path / "out"),
        before=f"{IN_SMALL_RANGES}\nimport worker.storage.retrying as r; r.PATIENCE_S = 1",
    )
    assert ended.status == 69, ended.stdout
    assert "were requested, and it has Content-Range: bytes 0-" in ended.final["message"]


@pytest.mark.parametrize("kind", ["source", "s3_source"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_source_that_trickles_ends_the_job_with_69(
    kind: str,
    ranges: bool,  # noqa: FBT001 (named by parametrize)
    faulty: FaultyServer,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    """Bytes that come now and then keep the time-out of a read from ending it."""
    faulty.trickles, faulty.ranges = True, ranges
    ended = run_worker(
        *(*getattr(faulty, kind), "--destination", tmp_path / "out"),
        before="import worker.source.download as d, worker.storage.retrying as r\n"
        "d._WINDOW_S, r.PATIENCE_S = 0.5, 1",
    )
    assert ended.status == 69, ended.stdout
    assert "the source is sent too slowly" in ended.final["message"]
    assert "submit the job again" in ended.final["message"]


def retried(ended: Ended) -> list[dict[str, Any]]:
    return ended.named("storage_retried")


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_an_object_is_read_and_one_that_was_replaced_is_not(
    name: str, request: pytest.FixtureRequest
) -> None:
    """By stores that know If-Match and that do not."""
    server: Server = request.getfixturevalue(name)
    client = server.client()
    server.make_bucket("replaced")
    client.put_object(Bucket="replaced", Key="in.mp4", Body=b"one")
    source = S3Source(client, S3Location(bucket="replaced", key="in.mp4"))
    assert b"".join(source.read(1, 3)) == b"ne"
    client.put_object(Bucket="replaced", Key="in.mp4", Body=b"another")
    with pytest.raises(NoSourceError, match="was replaced while it was read"):
        next(source.read(0, 3))


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_an_empty_object_is_opened(name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    server.make_bucket("empty")
    server.client().put_object(Bucket="empty", Key="in.mp4", Body=b"")
    assert S3Source(server.client(), S3Location(bucket="empty", key="in.mp4")).size_bytes == 0


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
