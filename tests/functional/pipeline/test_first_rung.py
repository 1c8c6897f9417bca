"""Viewers have the lowest rung first, and the others are added while they watch."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.functional.browser import assert_no_fault, run_in_browser
from tests.functional.callbacks.receiver import Backend
from tests.functional.conftest import ROOT, ffmpeg, wait_for
from tests.functional.hls import assert_strictly_valid, manifest_of, read_published
from tests.functional.served import served
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker

SECONDS = 16
TYPES = {".m3u8": "application/vnd.apple.mpegurl", "": "video/mp2t"}
NOTIFY_SECRET = "whsec_" + base64.b64encode(b"canary-of-a-backend-0123456789").decode()
OPTIONS = ("--ladder", "360,240,180", "--segment", "2", "--preset", "superfast")
EARLY = (*OPTIONS, "--publish-when", "first-rung")
# Once the lowest rung is published, the job waits until the test lets it go on.
HELD = """
import worker.early_steps as early, pathlib
publish_first = early.EarlySteps._publish_first
def planted(self, *given):
    asked = publish_first(self, *given)
    while not pathlib.Path({go!r}).exists():
        self.context.budget.sleep(0.05)
    return asked
early.EarlySteps._publish_first = planted
"""
NO_ROOM = """
import worker.plan.forecast as forecast
forecast.Forecast.needed_with = lambda *_: 1e6
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={SECONDS}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "aac", path),
    )
    return path


def rungs(out: Path) -> list[str]:
    """Name the rungs that viewers have now."""
    return [rung.folder.name for rung in read_published(out).rungs]


def is_published(out: Path) -> bool:
    return (out / "manifest.json").exists()


def assert_whole(out: Path) -> None:
    published = read_published(out)
    assert rungs(out) == ["360p", "240p", "180p"]
    assert manifest_of(out)["missing_rungs"] == []
    assert_strictly_valid(published)
    for rung in published.rungs:
        assert len(rung.times_s("v")) == SECONDS * 25


def test_the_lowest_rung_is_published_and_then_all(
    start_worker: StartWorker, clip: Path, tmp_path: Path
) -> None:
    """Nothing that a viewer of the lowest rung was given is taken away, and both are reported."""
    out, go = tmp_path / "out", tmp_path / "go"
    backend = Backend()
    with served(backend):
        running = start_worker(
            *("--source", clip, "--destination", out, *EARLY, "--download", "m4a"),
            *("--notify", backend.url, "--allow-private-notify"),
            environment={"WORKER_NOTIFY_SECRET": NOTIFY_SECRET},
            before=HELD.format(go=str(go)),
        )
        wait_for(lambda: is_published(out), timeout_s=120)
        assert rungs(out) == ["180p"]
        assert manifest_of(out)["missing_rungs"] == ["360p", "240p"]
        assert manifest_of(out)["downloads"] == []
        assert_strictly_valid(read_published(out))
        given = {path.relative_to(out) for path in out.glob("*/**/*.*")} - checkpoints(out)
        go.touch()
        ended = running.wait()
    assert ended.status == 0, ended.final
    assert_whole(out)
    assert given <= {path.relative_to(out) for path in out.glob("*/**/*.*")}
    assert ended.final["segments_resumed"] == 0
    spans = [event["rungs"] for event in ended.named("span_started")]
    assert spans[0] == ["180p"]
    assert spans[-1] == ["360p", "240p"]
    events = [each.event for each in backend.taken if each.type != "video.progress"]
    assert [each["type"] for each in events] == [
        *("video.started", "video.published", "video.completed"),
    ]
    assert [each["data"].get("missing_rungs") for each in events[1:]] == [["360p", "240p"], []]
    assert len(events[2]["data"]["downloads"]) == 1


def checkpoints(out: Path) -> set[Path]:
    return {path.relative_to(out) for path in out.glob("*/checkpoint.json")}


def test_a_job_that_is_killed_between_the_two_is_continued(
    start_worker: StartWorker, run_worker: RunWorker, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    held = HELD.format(go=str(tmp_path / "go"))
    words = ("--source", clip, "--destination", out, *EARLY)
    running = start_worker(*words, before=f"{FAST_LEASE}\n{held}")
    wait_for(lambda: is_published(out), timeout_s=120)
    running.process.kill()
    running.wait()
    ended = run_worker(*words, before=FAST_LEASE)
    assert ended.status == 0, ended.final
    assert [event["rungs"] for event in ended.named("span_started")] == [["360p", "240p"]]
    assert "viewers have a video" in ended.named("first_rung_not_published")[0]["reason"]
    assert_whole(out)
    assert run_worker(*words).final["already_published"] is True


@pytest.mark.parametrize(
    ("before", "reason"), [(NO_ROOM, "both passes need about"), ("", "only one rung")]
)
def test_all_is_published_at_once_where_nothing_is_gained(
    run_worker: RunWorker, clip: Path, tmp_path: Path, before: str, reason: str
) -> None:
    """What was made of the lowest rung until then is kept."""
    out = tmp_path / "out"
    ladder = () if before else ("--ladder", "180")
    ended = run_worker("--source", clip, "--destination", out, *EARLY, *ladder, before=before)
    assert ended.status == 0, ended.final
    assert reason in ended.named("first_rung_not_published")[0]["reason"]
    assert ended.named("first_rung_published") == []
    if before:
        first, *_ = ended.named("span_started")
        assert first["rungs"] == ["180p"]
        assert_whole(out)


class Site(ThreadingHTTPServer):
    """A folder for pages of any origin; `on_segment` is called when a segment was sent."""

    daemon_threads = True

    def __init__(self, folder: Path, on_segment: Callable[[], None]) -> None:
        self.on_segment = on_segment
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))


class _Handler(SimpleHTTPRequestHandler):
    server: Site
    extensions_map = TYPES

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "*")
        super().end_headers()

    def do_GET(self) -> None:
        super().do_GET()
        if self.path.endswith(".ts"):
            self.server.on_segment()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("player", ["hls", "shaka"])
def test_a_player_that_is_open_plays_on_when_the_others_are_added(
    start_worker: StartWorker, clip: Path, tmp_path: Path, player: str
) -> None:
    """Without a fault, to the end, on what it was given; a player that comes then has all."""
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")
    out, go = tmp_path / "out", tmp_path / "go"
    running = start_worker(
        *("--source", clip, "--destination", out, *EARLY), before=HELD.format(go=str(go))
    )
    wait_for(lambda: is_published(out), timeout_s=120)
    site = Site(out, go.touch)
    with served(site):
        master = f"http://127.0.0.1:{site.server_address[1]}/master.m3u8"
        found: dict[str, Any] = run_in_browser(
            "guarded.mjs", f"{player}Across", master=master, rungs=3, rate=4
        )
    assert running.wait().status == 0
    assert found["before"] == 1
    # By playlists that the player has had from the start.
    assert any("/180p/00007." in path for path in found["after"])
    assert not any(".m3u8" in path for path in found["after"])
    assert found["end"] == pytest.approx(SECONDS, abs=0.15)
    assert {answer["status"] for answer in found["answers"]} <= {200, 206}
    assert sorted(found["heights"]) == [180, 240, 360]
    if player == "hls":
        assert_no_fault(found)
    else:
        assert found["faults"] == []
