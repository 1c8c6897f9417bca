"""A server that gives a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.served import served
from tests.functional.source.faulty_server import FaultyServer


@pytest.fixture
def faulty(calm_clip: Path) -> Iterator[FaultyServer]:
    server = FaultyServer(calm_clip.read_bytes())
    with served(server):
        yield server
