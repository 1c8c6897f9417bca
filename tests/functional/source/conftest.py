"""A server that gives a source."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.source.faulty_server import FaultyServer


@pytest.fixture
def faulty(calm_clip: Path) -> Iterator[FaultyServer]:
    server = FaultyServer(calm_clip.read_bytes())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
