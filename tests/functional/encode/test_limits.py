"""Memory and disk stay within bounds, however long the video and however slow the store."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.corpus.source import read_source
from tests.functional.conftest import Ended, Run, Running, Start, media, wait_for
from tests.functional.test_corpus import assert_right

MEMORY_LIMIT_BYTES = 1_200_000_000
DISK_LIMIT_BYTES = 200_000_000


class Watch:
    """Looks at the work folder ten times a second while the worker runs."""

    def __init__(self, folder: Path) -> None:
        self.most_bytes = 0
        self.most_files = 0
        self._folder = folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stopped.wait(0.1):
            sizes = []
            for path in self._folder.rglob("*"):
                try:
                    sizes.append(path.stat().st_size if path.is_file() else 0)
                except FileNotFoundError:
                    continue
            self.most_bytes = max(self.most_bytes, sum(sizes))
            self.most_files = max(self.most_files, len(sizes))

    def over(self, running: Running) -> Ended:
        self._thread.start()
        try:
            return running.wait()
        finally:
            self._stopped.set()
            self._thread.join()


def test_six_minutes_of_1080p_in_three_rungs(start_worker: Start, tmp_path: Path) -> None:
    """Under 1.2 GB of memory, worker and FFmpeg together, and under 200 MB of disk."""
    source, out = media("normal/media__long_1080p_lowbitrate.mp4"), tmp_path / "out"
    watch = Watch(tmp_path / "work")
    options = ("--source", source, "--destination", out, "--ladder", "1080,720,480")
    running = start_worker(*options)
    ended = watch.over(running)
    assert ended.status == 0, ended.stdout
    assert ended.final["rungs"] == ["1080p", "720p", "480p"]
    memory = ended.final["ffmpeg_peak_memory_bytes"] + ended.final["worker_peak_memory_bytes"]
    print(
        f"{memory / 1e6:.0f} MB of memory; {watch.most_bytes / 1e6:.1f} MB"
        f" in {watch.most_files} files and folders on disk at most"
    )
    assert memory < MEMORY_LIMIT_BYTES
    assert watch.most_bytes < DISK_LIMIT_BYTES
    # 61 segments of each rendition were made, and a handful was there at any time.
    assert watch.most_files < 40
    assert_right("normal/media__long_1080p_lowbitrate.mp4", read_source(source), ended, out)


class SlowStore(ThreadingHTTPServer):
    """Takes objects in, ever so slowly, and lists none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SlowHandler)
        self.stored = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Say nothing of the connection that the worker leaves at its wall."""


class _SlowHandler(BaseHTTPRequestHandler):
    server: SlowStore
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if "list-type=2" in self.path:
            self._answer(
                200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
            )
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith(".ts"):
            time.sleep(3)
            self.server.stored += 1
        self._answer(200, b"", etag=f'"{len(body)}"')

    def _answer(self, status: int, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_a_slow_store_holds_the_encode_and_not_the_disk(
    start_worker: Start, long_clip: Path, tmp_path: Path
) -> None:
    """FFmpeg is paused while much waits. The limit is lowered to 1 MB, so that it is soon reached:

    unheld, ten minutes of this clip are 30 MB within seconds, and the store takes a segment in 3 s.
    """
    store = SlowStore()
    thread = threading.Thread(target=store.serve_forever)
    thread.start()
    try:
        watch = Watch(tmp_path / "work")
        running = start_worker(
            *("--source", long_clip, "--destination", "s3://bucket/out", "--upload-threads", 1),
            *("--s3-endpoint", store.endpoint, "--preset", "ultrafast", "--time-limit", 40),
            before="import worker.upload.uploader; worker.upload.uploader._FULL_BYTES = 1_000_000",
        )
        ended = watch.over(running)
        assert ended.status == 124, ended.stdout
        print(f"{store.stored} stored, {watch.most_bytes / 1e6:.1f} MB on disk at most")
        assert store.stored >= 3, "paused for good"
        assert watch.most_bytes < 5_000_000
    finally:
        store.shutdown()
        store.server_close()
        thread.join()


def test_the_plan_can_be_seen_before_anything_is_done(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = run_worker("--source", small_clip, "--destination", out, "--plan-only")
    plan = json.loads(ended.stdout)
    assert ended.status == 0
    assert plan["grid"]["rate"] == "25"
    assert [rung["name"] for rung in plan["rungs"]] == ["180p"]
    assert plan["segment_count"] == 3
    assert not out.exists()


def test_status_json_tells_how_far_the_job_is(
    start_worker: Start, long_clip: Path, tmp_path: Path
) -> None:
    """Step, percent and seconds left, moving, while it works."""
    out = tmp_path / "out"
    start_worker("--source", long_clip, "--destination", out, "--preset", "slow")
    status = out / "status.json"

    def told() -> dict[str, object]:
        record: dict[str, object] = json.loads(status.read_text()) if status.exists() else {}
        return record

    wait_for(lambda: told().get("step") == "encode" and told().get("seconds_left"), what="a report")
    first = told()
    wait_for(lambda: told()["beat"] != first["beat"], what="the next report")
    second = told()
    assert second["percent"] >= first["percent"]  # type: ignore[operator]
    assert 0 < float(str(second["percent"])) < 97
    assert second["state"] == "running"
