"""An HTTP server with faults: cut connections, no ranges, another version, a trickle."""

from __future__ import annotations

import contextlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
