"""Serves a page and a published folder over HTTP, for a browser on this machine.

What is served is fixed: the page, its assets, and files below `/media/`. A request's Host must be
an address or localhost, so that no page from elsewhere reaches this server by a name that resolves
to it (DNS rebinding); only GET and HEAD are answered.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from worker.errors import NoSourceError, WorkerError
from worker.storage.base import BrokenOffError
from worker.storage.open import PublishedFolder

MEDIA = "/media/"
TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "ts": "video/mp2t",
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "m4s": "video/iso.segment",
    "vtt": "text/vtt; charset=utf-8",
    "jpg": "image/jpeg",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
# hls.js gives media to the browser as a blob, and starts its worker from one.
POLICY = (
    "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report below /media/ is a page of its own, with a policy of its own.
_REPORT_POLICY = "frame-ancestors 'none'"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_MOST_DIGITS = 18
_IDLE_S = 60

Assets = Mapping[str, tuple[str, bytes]]
"""Path to extension and content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What the server serves."""

    folder: PublishedFolder
    assets: Assets


class PreviewServer(ThreadingHTTPServer):
    """Listens from when it is made; `serve_forever` answers."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], served: Served) -> None:
        self.served = served
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a browser that closed the connection: seeking does that all the time."""


class _Handler(BaseHTTPRequestHandler):
    server: PreviewServer
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = _IDLE_S

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def version_string(self) -> str:
        """Name no versions."""
        return "academy-video-worker"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Log nothing: a line for each segment has no use."""

    def _answer(self) -> None:
        if not is_local_host(self.headers.get("Host", "")):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path = unquote(urlsplit(self.path).path)
        if (asset := self.server.served.assets.get(path)) is not None:
            kind, data = asset
            self._head(HTTPStatus.OK, TYPES[kind], len(data))
            self._write(data)
        elif path.startswith(MEDIA):
            self._media(path.removeprefix(MEDIA))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _media(self, key: str) -> None:
        kind = key.rpartition(".")[2]
        if kind not in TYPES:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            file = self.server.served.folder.find(key)
        except NoSourceError:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        except WorkerError:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        size = file.size_bytes or 0
        part = read_range(self.headers.get("Range"), size)
        if part is None:
            self._refuse(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, content_range=f"bytes */{size}"
            )
            return
        start, end = part
        is_part = (start, end) != (0, size)
        self._head(
            HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK,
            TYPES[kind],
            end - start,
            content_range=f"bytes {start}-{end - 1}/{size}" if is_part else None,
        )
        try:
            if self.command != "HEAD" and end > start:
                for data in file.read(start, end):
                    self.wfile.write(data)
        except (BrokenOffError, WorkerError):
            # The length was sent already: closing the connection shows that less came.
            self.close_connection = True

    def _head(
        self,
        status: HTTPStatus,
        content_type: str,
        length: int,
        *,
        content_range: str | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Accept-Ranges", "bytes")
        # What lies there may be published again while it is watched.
        self.send_header("Cache-Control", "no-store")
        is_report = content_type == TYPES["html"] and self.path.startswith(MEDIA)
        self.send_header("Content-Security-Policy", _REPORT_POLICY if is_report else POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def _refuse(self, status: HTTPStatus, *, content_range: str | None = None) -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self._head(status, "text/plain; charset=utf-8", len(text), content_range=content_range)
        self._write(text)

    def _write(self, data: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(data)


def is_local_host(host: str) -> bool:
    """Whether a Host header gives an address or localhost, and not a name that someone owns."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost":
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Read a Range header (RFC 9110, section 14.2) as [start, end); None: beyond the file.

    What is not one range of bytes is no range: the whole is given.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()) or max(map(len, match.groups())) > _MOST_DIGITS:
        return 0, size
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else None
    start, end = int(first), min(int(last) + 1, size) if last else size
    return (start, end) if start < end else None
