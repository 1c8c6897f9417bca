"""Memory and disk stay within bounds, however long the video and however slow the store."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.corpus.source import read_source
from tests.functional.conftest import ffmpeg, media
from tests.functional.pipeline.test_corpus import assert_right
from tests.functional.worker_process import Ended, Running, StartWorker

MEMORY_LIMIT_BYTES = 1_200_000_000
DISK_LIMIT_BYTES = 200_000_000


class DiskWatcher:
    """Measures the work folder ten times a second while the worker runs."""

    def __init__(self, folder: Path) -> None:
        self.most_bytes = 0
        self.most_files = 0
        self._folder = folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._measure)

    def _measure(self) -> None:
        while not self._stopped.wait(0.1):
            sizes = []
            for path in self._folder.rglob("*"):
                try:
                    sizes.append(path.stat().st_size if path.is_file() else 0)
                except FileNotFoundError:
                    continue
            self.most_bytes = max(self.most_bytes, sum(sizes))
            self.most_files = max(self.most_files, len(sizes))

    def wait(self, running: Running) -> Ended:
        self._thread.start()
        try:
            return running.wait()
        finally:
            self._stopped.set()
            self._thread.join()


def test_three_minutes_of_1080p_in_three_rungs_stay_within_memory_and_disk(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    """Under 1.2 GB of memory, worker and FFmpeg together, and under 200 MB of disk.

    Of half of a clip: all that grows with the length has grown for three minutes. Not at a faster
    preset, which needs less memory.
    """
    source, out = tmp_path / "half.mp4", tmp_path / "out"
    whole = media("normal/media__long_1080p_lowbitrate.mp4")
    ffmpeg("-t", 180, "-i", whole, "-map", 0, "-c", "copy", source)
    watcher = DiskWatcher(tmp_path / "work")
    options = ("--source", source, "--destination", out, "--ladder", "1080,720,480")
    ended = watcher.wait(start_worker(*options))
    assert ended.status == 0, ended.stdout
    assert ended.final["rungs"] == ["1080p", "720p", "480p"]
    memory = ended.final["ffmpeg_peak_memory_bytes"] + ended.final["worker_peak_memory_bytes"]
    print(
        f"{memory / 1e6:.0f} MB of memory; {watcher.most_bytes / 1e6:.1f} MB"
        f" in {watcher.most_files} files and folders on disk at most"
    )
    assert memory < MEMORY_LIMIT_BYTES
    assert watcher.most_bytes < DISK_LIMIT_BYTES
    # 30 segments of each of four renditions are made; only a few are on disk at any time.
    assert watcher.most_files < 40
    assert_right(source.name, read_source(source), ended, out)


class SlowStore(ThreadingHTTPServer):
    """Stores objects very slowly, and lists none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SlowHandler)
        self.stored = 0
        self.delay_s = 1.5

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Write nothing about the connection that the worker leaves at its deadline."""


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
            time.sleep(self.server.delay_s)
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
        """Write no access log."""


def test_a_slow_store_pauses_the_encode_before_the_disk_fills(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    """FFmpeg is paused while much waits. The limit is lowered to 1 MB, to be reached soon.

    Without a pause, ten minutes of this clip are 30 MB within seconds; the store takes 1.5 s for
    each segment.
    """
    store = SlowStore()
    thread = threading.Thread(target=store.serve_forever)
    thread.start()
    try:
        watcher = DiskWatcher(tmp_path / "work")
        running = start_worker(
            *("--source", long_clip, "--destination", "s3://bucket/out", "--upload-threads", 1),
            *("--s3-endpoint", store.endpoint, "--preset", "ultrafast", "--time-limit", 20),
            before="import worker.upload.uploader as uploader; uploader._FULL_BYTES = 1_000_000",
        )
        ended = watcher.wait(running)
        assert ended.status == 124, ended.stdout
        print(f"{store.stored} stored, {watcher.most_bytes / 1e6:.1f} MB on disk at most")
        assert store.stored >= 3, "the encode was paused forever"
        assert watcher.most_bytes < 5_000_000
    finally:
        store.shutdown()
        store.server_close()
        thread.join()
