"""An encrypted lecture plays in headless Chromium where the API gives the key, and only there."""

from __future__ import annotations

from functools import partial

import pytest

from tests.functional.browser import RunTask, run_in_browser
from tests.functional.conftest import ROOT
from tests.functional.encryption.conftest import DURATION_S, Api, Encrypted
from tests.functional.hls import manifest_of

RATE = 4
TOLERANCE_S = 0.15


@pytest.fixture(scope="module")
def run_task() -> RunTask:
    """Run a task of tests/node/guarded.mjs in the browser."""
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")
    return partial(run_in_browser, "guarded.mjs")


@pytest.mark.parametrize("player", ["hls", "shaka"])
def test_it_plays_to_its_end(
    run_task: RunTask, encrypted: Encrypted, api: Api, player: str
) -> None:
    """The key is requested once, not for each segment."""
    api.requested.clear()
    found = run_task(f"{player}Play", master=f"{api.base}/out/master.m3u8", rate=RATE)
    assert [fault for fault in found["faults"] if fault.get("fatal", True)] == []
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["frames"] > 0
    key_id = manifest_of(encrypted.folder)["encryption"]["key_id"]
    assert api.requested == [key_id]


@pytest.mark.parametrize("player", ["hls", "shaka"])
def test_not_one_frame_is_shown_where_the_key_is_refused(
    run_task: RunTask,
    encrypted: Encrypted,
    api: Api,
    player: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "gives_keys", False)
    api.requested.clear()
    master = f"{api.base}/{encrypted.folder.name}/master.m3u8"
    found = run_task(f"{player}Attempt", master=master)
    assert found["faults"] != []
    assert (found["time"], found["frames"]) == (0, 0)
    assert api.requested
    assert {a["status"] for a in found["answers"] if a["path"].startswith("/keys/")} == {403}
    assert {a["status"] for a in found["answers"] if not a["path"].startswith("/keys/")} == {200}
