"""status.json shows how far a job is, while it runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.functional.conftest import wait_for
from tests.functional.worker_process import StartWorker


def test_status_json_shows_step_percent_and_seconds_left_of_a_running_job(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    start_worker("--source", long_clip, "--destination", out, "--preset", "slow")
    status = out / "status.json"

    def read() -> dict[str, object]:
        record: dict[str, object] = json.loads(status.read_text()) if status.exists() else {}
        return record

    wait_for(lambda: read().get("step") == "encode" and read().get("seconds_left"), what="forecast")
    first = read()
    wait_for(lambda: read()["beat"] != first["beat"], what="heartbeat")
    second = read()
    assert second["percent"] >= first["percent"]  # type: ignore[operator]
    assert 0 < float(str(second["percent"])) < 97
    assert second["state"] == "running"
