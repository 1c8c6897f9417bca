"""A lecture published with encryption and one without; a server of both that also has the key."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any, TypeAlias

import pytest

from tests.functional.conftest import ROOT, ffmpeg, publish, start_job, wait_for
from tests.functional.worker_process import Ended, Running

DURATION_S = 13
SECRET = "canary-key-secret-of-the-tests-0123456789"
OTHER_SECRET = "canary-key-secret-after-a-rotation-0123456789"
CANARIES = {
    "WORKER_KEY_SECRET": SECRET,
    "WORKER_S3_ACCESS_KEY_ID": "canary-store-id",
    "WORKER_S3_SECRET_ACCESS_KEY": "canary-store-key",
    "WORKER_SOURCE_S3_ACCESS_KEY_ID": "canary-source-id",
    "WORKER_SOURCE_S3_SECRET_ACCESS_KEY": "canary-source-key",
    "AWS_ACCESS_KEY_ID": "canary-aws-id",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-key",
    "AWS_SESSION_TOKEN": "canary-aws-token",
}
# The same in both, and as deterministic as a clear job: x264 stays below its cap.
OPTIONS = (
    *("--ladder", "180,144", "--segment", "2", "--preset", "superfast", "--copy-top", "never"),
    *("--parallel-spans", "2"),
)
# Far from what any test listens on, where nothing plays.
NOWHERE = "http://127.0.0.1:9/keys/{key_id}"
KeyOf: TypeAlias = Callable[[str, str, list[str]], bytes | None]


def example(language: str) -> str:
    """The code of docs/encryption.md in a language."""
    page = (ROOT / "docs" / "encryption.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(code)


@pytest.fixture(scope="session")
def key_of() -> KeyOf:
    names: dict[str, Any] = {}
    exec(compile(example("python"), "encryption.md", "exec"), names)  # noqa: S102 (our own page)
    found: KeyOf = names["key_of"]
    return found


@pytest.fixture(scope="session")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 s that stay far below the cap on the bit rate, with audio and subtitles."""
    folder = tmp_path_factory.mktemp("lecture")
    subtitles, clip = folder / "text.srt", folder / "lecture.mp4"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:03,000\n안녕하세요\n", encoding="utf-8")
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc=size=320x180:rate=25:duration={DURATION_S}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={DURATION_S}"),
        *("-i", subtitles, "-map", "0", "-map", "1", "-map", "2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-c:s", "mov_text", clip),
    )
    return clip


@dataclass
class Encrypted:
    """A published folder, how its job ended, and what its child processes showed of themselves."""

    folder: Path
    ended: Ended
    children: set[bytes]


def options(source: Path, out: Path, uri: str = NOWHERE) -> tuple[object, ...]:
    encryption = ("--encrypt", "--key-uri", uri)
    return ("--source", source, "--destination", out, *OPTIONS, *encryption)


@pytest.fixture(scope="session")
def clear(lecture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without encryption."""
    folder = tmp_path_factory.mktemp("clear")
    return publish(folder, lecture, *OPTIONS)


@contextlib.contextmanager
def watching(running: Running) -> Iterator[set[bytes]]:
    """Gather /proc/PID/cmdline and environ of the children that run until the block ends.

    A child that has not become another program yet is the worker still, and like it can only be
    read by root.
    """
    seen: set[bytes] = set()
    path = Path(f"/proc/{running.process.pid}/cmdline")
    # Empty for a moment after it has become the worker: then all that it starts would count.
    wait_for(path.read_bytes)
    worker = path.read_bytes()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            # A process may end meanwhile.
            with contextlib.suppress(OSError):
                for pid in running.children():
                    with contextlib.suppress(OSError):
                        words = Path(f"/proc/{pid}/cmdline").read_bytes()
                        if words not in {worker, b""}:
                            seen.update((words, Path(f"/proc/{pid}/environ").read_bytes()))
            time.sleep(0.005)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


class Api(ThreadingHTTPServer):
    """A folder on loopback for any page, and beside it an API that gives keys or refuses them."""

    daemon_threads = True

    def __init__(self, folder: Path, key_of: KeyOf) -> None:
        self.folder, self.key_of = folder, key_of
        self.gives_keys = True
        self.requested: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        self.key_uri = f"{self.base}/keys/{{key_id}}"

    def key(self, key_id: str) -> bytes | None:
        self.requested.append(key_id)
        key = self.key_of(key_id, str(self.folder / "out"), [OTHER_SECRET, SECRET])
        return key if self.gives_keys else None


class _Handler(SimpleHTTPRequestHandler):
    server: Api

    def __init__(self, request: socket, address: tuple[str, int], server: Api) -> None:
        super().__init__(request, address, server, directory=str(server.folder))

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def do_GET(self) -> None:
        if not self.path.startswith("/keys/"):
            super().do_GET()
            return
        key = self.server.key(self.path.removeprefix("/keys/"))
        self.send_response(200 if key else 403)
        self.send_header("Content-Length", str(len(key or b"")))
        self.end_headers()
        self.wfile.write(key or b"")


@pytest.fixture(scope="session")
def api(key_of: KeyOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with Api(tmp_path_factory.mktemp("served"), key_of) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def encrypted(lecture: Path, api: Api) -> Encrypted:
    """From two lanes; arguments and environments of all children are read while they run."""
    words = (
        *options(lecture, api.folder / "out", api.key_uri),
        "--chapters",
        "--report",
        "--log-level",
        "debug",
    )
    running = start_job(api.folder, *words, environment=CANARIES)
    with watching(running) as seen:
        ended = running.wait()
    assert ended.status == 0, ended.stdout
    return Encrypted(api.folder / "out", ended, seen)
