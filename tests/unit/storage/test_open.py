"""Opening a destination, which may take seconds: credentials are fetched for it."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from worker.config.cli import parse_job
from worker.errors import TerminatedError
from worker.runtime.budget import Budget
from worker.storage import open as module
from worker.storage import s3
from worker.storage.open import open_store


@pytest.mark.parametrize(("grace_s", "is_opened"), [(8.0, True), (0.2, False)])
def test_a_job_that_is_stopped_at_once_still_opens_its_destination(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, grace_s: float, is_opened: bool
) -> None:
    """Or it could neither record that it was stopped, nor see who leads its team."""

    def make_late(*_: Any, **__: Any) -> object:
        time.sleep(0.5)
        return SimpleNamespace()

    monkeypatch.setattr(s3, "make_client", make_late)
    monkeypatch.setattr(module, "_OPEN_GRACE_S", grace_s)
    job = parse_job(
        ["--source", str(tmp_path / "in.mp4"), "--destination", "s3://videos/hls/talk"], {}
    )
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    budget.stop(TerminatedError("SIGTERM"))
    if is_opened:
        assert str(open_store(job, budget)) == "s3://videos/hls/talk/"
    else:
        with pytest.raises(TerminatedError):
            open_store(job, budget)
