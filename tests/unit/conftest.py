"""What every unit test runs with."""

from __future__ import annotations

import pytest

from worker.storage import retrying


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that fails is not called again for two minutes."""
    monkeypatch.setattr(retrying, "PATIENCE_S", 0.0)
