"""What is published, played in headless Chromium: by hls.js on the preview's page, and by Shaka."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.functional.conftest import ROOT
from tests.functional.previewing import (
    CHAPTERS,
    COLORS,
    COLUMNS,
    DURATION_S,
    HEIGHTS,
    JOINT,
    SEGMENT_S,
    TILE,
    TILE_S,
    Previewing,
    Sample,
    previewing,
    publish_sample,
)

DRIVER = ROOT / "tests" / "node" / "browse.mjs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Played faster than it is, to save time; slower than that on a slow machine, to the same end.
RATE = 4
TOLERANCE_S = 0.1
# Not of our making: FFmpeg's own HLS with a rendition of sound has the first one too (hls.js queues
# the first segment before it has buffers for both, and then sees no growth); the second is a load
# that a choice of rung made needless; the third comes where a machine is busy, with all of
# it buffered: a hole would be skipped (bufferSeekOverHole, bufferNudgeOnStall), which is a fault.
HARMLESS = {"bufferAppendNoProgress", "aborted", "bufferStalledError"}

Ask = Callable[..., Any]


def find_browser() -> str:
    names = [os.environ.get("WORKER_CHROMIUM") or "", *BROWSERS]
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if not found:
        pytest.skip("there is no Chromium (Debian: chromium); run scripts/setup --dev")
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return publish_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def served(sample: Sample) -> Iterator[Previewing]:
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("hls.js is not here; run scripts/setup --dev where npm is at hand")
    with previewing(sample.folder) as running:
        yield running


@pytest.fixture(scope="module")
def ask(served: Previewing) -> Ask:
    """Let the browser do a task of tests/node/browse.mjs."""
    browser = find_browser()
    if not shutil.which("node") or not (DRIVER.parent / "node_modules").is_dir():
        pytest.skip("no Node.js packages; run scripts/setup --dev where npm is at hand")

    def ask(task: str, **options: object) -> Any:  # noqa: ANN401 (JSON)
        words = {"executable": browser, "task": task, "url": served.url, **options}
        answer = subprocess.run(
            ["node", DRIVER],
            input=json.dumps(words),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr[-4000:]
        return json.loads(answer.stdout)

    return ask


def assert_no_fault(found: Mapping[str, Any]) -> None:
    assert [fault for fault in found["faults"] if fault["fatal"]] == []
    assert [fault for fault in found["faults"] if fault["details"] not in HARMLESS] == []


def assert_played_through(found: Mapping[str, Any]) -> None:
    """From zero to the end without a hole, and as long as the source."""
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert len(found["played"]) == 1
    assert found["played"][0] == pytest.approx([0, DURATION_S], abs=TOLERANCE_S)


def test_the_page_plays_to_the_end_and_asks_nobody_else(ask: Ask) -> None:
    found = ask("whole", rate=RATE)
    assert_no_fault(found)
    assert_played_through(found)
    assert found["said"] == []
    assert found["strangers"] == []


def test_every_rung_plays_from_start_to_end(ask: Ask, sample: Sample) -> None:
    """The joint of a resumed job, at which the preset changes, lies on the way."""
    checkpoint = json.loads((sample.folder / sample.run / "checkpoint.json").read_text())
    presets = {s["index"]: s["preset"] for s in checkpoint["segments"] if s["rendition"] == "360p"}
    assert (presets[JOINT - 1], presets[JOINT]) == ("superfast", "veryfast")
    count = DURATION_S // TILE_S
    found = ask("rungs", rate=RATE, times=[i * TILE_S + TILE_S / 2 for i in range(count)])
    assert sorted(rung["height"] for rung in found.values()) == sorted(HEIGHTS)
    for level, rung in found.items():
        assert_no_fault(rung)
        assert_played_through(rung)
        assert rung["shown"] == rung["height"]
        assert set(rung["levels"]) <= {int(level)}
        for i, (seen, meant) in enumerate(zip(rung["colors"], COLORS[:count], strict=True)):
            assert seen == pytest.approx(meant, abs=40), f"the picture of {i * TILE_S} s"


def test_it_seeks_to_any_place_and_plays_on(ask: Ask) -> None:
    chosen = random.Random(20)  # noqa: S311 (seeded: the same places each time)
    places = [round(chosen.uniform(0, DURATION_S - 1), 2) for _ in range(19)]
    places.append(JOINT * SEGMENT_S - 0.05)
    found = ask("seeks", places=places)
    assert_no_fault(found)
    assert found["reached"] == pytest.approx(places, abs=TOLERANCE_S)


def test_it_switches_up_and_down(ask: Ask) -> None:
    found = ask("switches", values=["0", "1", "2", "1", "0", "2"])
    lowest, middle, highest = sorted(HEIGHTS)
    assert found["shown"] == [lowest, middle, highest, middle, lowest, highest]
    assert_no_fault(found)


def test_the_sound_plays_without_a_picture(ask: Ask) -> None:
    found = ask("sound", rate=RATE)
    assert_no_fault(found)
    assert_played_through(found)
    assert found["height"] == 0


def test_the_storyboard_shows_the_picture_of_that_time(ask: Ask) -> None:
    times = [0.5, 3, 9, 10.9, 17, DURATION_S - 0.5]
    found = ask("storyboard", times=times)
    assert_no_fault(found)
    for seen in found["seen"]:
        tile = int(seen["time"] // TILE_S)
        x, y = tile % COLUMNS * TILE[0], tile // COLUMNS * TILE[1]
        assert seen["position"].replace("-", "") == f"{x}px {y}px"
        assert seen["color"] == pytest.approx(COLORS[tile], abs=25)


def test_a_chapter_leads_to_its_start(ask: Ask) -> None:
    found = ask("chapters")
    assert [row["at"] for row in found["found"]] == pytest.approx([c[0] for c in CHAPTERS])
    for row, (_, title) in zip(found["found"], CHAPTERS, strict=True):
        assert row["text"].endswith(title)
    assert found["thumbnails"] == 1


def test_it_speaks_korean_and_english_and_fits_on_a_phone(ask: Ask) -> None:
    found = ask("languages")
    english, korean = found["en-US"], found["ko-KR"]
    assert english["first"] == korean["toggled"]
    assert korean["first"] == english["toggled"]
    assert english["first"]["auto"] == "Auto"
    assert korean["first"]["auto"] == "자동"
    assert "What is published" in english["first"]["headings"]
    assert "게시된 화질" in korean["first"]["headings"]
    for page in (english, korean):
        assert page["overflow"] == 0
        assert page["said"] == []


def test_the_report_needs_no_server(ask: Ask, sample: Sample) -> None:
    written = subprocess.run(
        [sys.executable, "-m", "worker", "preview", str(sample.folder), "--report"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = ask("report", file=written.stdout.strip())
    assert found["said"] == [], "the page's own policy must let its style and script through"
    assert (found["before"], found["after"]) == ("What is published", "게시된 화질")
    assert found["plots"] == 2
    assert found["stroke"] != "none"
    assert found["face"] > 0


def test_another_player_plays_it_too(ask: Ask) -> None:
    found = ask("shaka", rate=RATE)
    assert found["faults"] == []
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert {track["height"] for track in found["tracks"]} >= set(HEIGHTS)
