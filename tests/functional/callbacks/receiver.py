"""A backend on loopback: takes callbacks, and fails as a test wants it."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESET = "reset"
HANG = "hang"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """One attempt as it arrived."""

    headers: dict[str, str]
    body: bytes
    answer: int | str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def type(self) -> str:
        return str(self.event["type"])


@dataclass
class Backend(ThreadingHTTPServer):
    """`failures`: by type of event, what its first attempts are answered with."""

    failures: Mapping[str, list[int | str]] = field(default_factory=dict)
    attempts: list[Delivered] = field(default_factory=list)

    # A test ends without waiting for an attempt that hangs.
    daemon_threads = True
    block_on_close = False

    def __post_init__(self) -> None:
        self.is_over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=canary-of-url"

    @property
    def taken(self) -> list[Delivered]:
        return [each for each in self.attempts if each.answer == 204]

    def server_close(self) -> None:
        self.is_over.set()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Backend

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        left = self.server.failures.get(json.loads(body)["type"])
        answer = left.pop(0) if left else 204
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.attempts.append(Delivered(headers=headers, body=body, answer=answer))
        if answer == HANG:
            self.server.is_over.wait(60)
        if isinstance(answer, int):
            self.send_response(answer)
            self.end_headers()
        else:
            # A connection that is closed so is reset.
            how = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
