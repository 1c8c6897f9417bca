"""An HTTP proxy on loopback between the worker and a store, with faults drawn from a seed."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.functional.conftest import Server
from tests.functional.served import served

ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>planted</Message></Error>'
TEMPORARY = {
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
}
KINDS = (*TEMPORARY, "reset", "lost", "truncated", "silent")
# Longer than the worker waits for an answer where a test has lowered that to a second.
SILENT_S = 3.0


class Proxy(ThreadingHTTPServer):
    """Forwards to `server`. A fault is drawn at random for each request.

    - `reset`: the connection is reset before the store gets the request
    - `lost`: the store has done what was requested, and its answer is lost
    - `truncated`: half of the answer's body, then the end
    - `silent`: no answer for longer than the worker waits
    - `500`, `503`: the answers of S3

    Three faults are not drawn. The answer to a request that `strips_etag` names has no ETag. With
    `knows_conditions` False every conditional write is answered with 501. With `keeps_objects` the
    answer to a deletion is 200 and denies it for each object.
    """

    daemon_threads = True

    def __init__(self, server: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(server.endpoint)
        self.behind = (str(parts.hostname), int(parts.port or 0))
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.faults = Counter[str]()
        self.seen: list[str] = []
        self.rate = 0.0
        self.kinds: tuple[str, ...] = KINDS
        self.is_down = False
        self.refusal: str | None = None
        self.delay_s = 0.0
        self.knows_conditions = True
        self.keeps_objects = False
        # Which requests ("PUT /bucket/key") may get a fault, and which are never answered.
        self.concerns: Callable[[str], bool] = lambda _: True
        self.holds: Callable[[str], bool] = lambda _: False
        self.strips_etag: Callable[[str], bool] = lambda _: False
        self.held = threading.Event()
        self._rng = random.Random()  # noqa: S311 (faults, no secrets)
        self._lock = threading.Lock()

    def seed(self, seed: int, rate: float) -> None:
        self._rng.seed(seed)
        self.rate = rate

    def draw(self, request: str) -> str | None:
        """Return the fault for this request, if it gets one."""
        with self._lock:
            self.seen.append(request)
            if not self.concerns(request):
                return None
            fault = None
            if self.is_down:
                fault = "reset"
            elif self.refusal:
                fault = "refused"
            elif self._rng.random() < self.rate:
                fault = self._rng.choice(self.kinds)
            if fault:
                self.faults[fault] += 1
            return fault

    def handle_error(self, *_: object) -> None:
        """Write nothing about connections that break off: that is intended."""


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"
    # No answer waits for the client's acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        request = f"{self.command} {self.path}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.draw(request)
        if self.server.holds(request):
            self.server.held.set()
            time.sleep(60)
            return self._reset()
        if self.server.concerns(request):
            time.sleep(self.server.delay_s)
        if fault == "reset":
            return self._reset()
        if fault == "silent":
            time.sleep(SILENT_S)
            return self._reset()
        if fault in TEMPORARY:
            return self._refuse(*TEMPORARY[fault])
        if fault == "refused":
            return self._refuse(403, str(self.server.refusal))
        return self._forward(body, fault)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 (http.server's names)

    def _forward(self, body: bytes, fault: str | None) -> None:
        is_conditional = "If-Match" in self.headers or "If-None-Match" in self.headers
        if self.command == "PUT" and is_conditional and not self.server.knows_conditions:
            return self._refuse(501, "NotImplemented")
        if self.command == "POST" and "delete" in self.path and self.server.keeps_objects:
            return self._keep(body)
        connection = http.client.HTTPConnection(*self.server.behind, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        if fault == "lost":
            return self._reset()
        if self.server.strips_etag(f"{self.command} {self.path}"):
            del answer.headers["ETag"]
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {
                "connection",
                "content-length",
                "transfer-encoding",
                "date",
                "server",
            }:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(data)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if fault == "truncated":
            self.wfile.write(data[: len(data) // 2])
            return self._reset()
        self.wfile.write(data)
        return None

    def _refuse(self, status: int, code: str) -> None:
        data = b"" if self.command == "HEAD" else ERROR.format(code).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _keep(self, body: bytes) -> None:
        faults = "".join(
            f"<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>planted</Message></Error>"
            for key in re.findall("<Key>(.*?)</Key>", body.decode())
        )
        data = f'<?xml version="1.0"?><DeleteResult>{faults}</DeleteResult>'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.flush()
            # Closing with data unsent sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@contextlib.contextmanager
def between(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server)
    with served(proxy):
        yield proxy
