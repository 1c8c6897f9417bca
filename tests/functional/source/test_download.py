"""Downloads from an HTTP server with faults: cut connections, no ranges, secrets in URLs."""

from __future__ import annotations

import ctypes
import errno
import json
from pathlib import Path

import pytest

from tests.functional.hls import files, without_run_name
from tests.functional.source.faulty_server import SECRET, FaultyServer
from tests.functional.worker_process import RunWorker
from worker.errors import CannotWriteError
from worker.source.fetch import disk


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
        before="import worker.source.fetch.download as d, worker.storage.retrying as r\n"
        "d._WINDOW_S, r.PATIENCE_S = 0.5, 1",
    )
    assert ended.status == 69, ended.stdout
    assert "the source is sent too slowly" in ended.final["message"]
    assert "submit the job again" in ended.final["message"]


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

    monkeypatch.setattr(disk, "_FALLOCATE", refuse)
    if number == errno.ENOSPC:
        with pytest.raises(CannotWriteError, match="No space"):
            disk.allocate(tmp_path / "source", 1 << 20)
    else:
        disk.allocate(tmp_path / "source", 1 << 20)
        assert (tmp_path / "source").exists()


def test_blocks_are_allocated_where_the_file_system_can(tmp_path: Path) -> None:
    disk.allocate(tmp_path / "source", 1 << 20)
    assert (tmp_path / "source").stat().st_blocks * 512 >= 1 << 20
