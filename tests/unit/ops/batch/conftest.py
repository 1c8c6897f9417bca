"""What the tests of following share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.ops.batch.scene import Scene


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    made = Scene(monkeypatch)
    yield made
    for stub in (made.batch, made.logs, made.s3):
        stub.assert_no_pending_responses()
