"""A published folder plays in headless Chromium: with hls.js on the preview's page, and Shaka."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from tests.functional.browser import RunTask, assert_no_fault, run_in_browser
from tests.functional.conftest import ROOT
from tests.functional.preview.previewing import (
    CHAPTERS,
    COLORS,
    COLUMNS,
    DURATION_S,
    HEIGHTS,
    SECOND_FIRST,
    SEGMENT_S,
    TILE,
    TILE_S,
    Previewing,
    Sample,
)

# Faster than real time, where the machine is fast enough.
RATE = 4
TOLERANCE_S = 0.1


@pytest.fixture(scope="module")
def run_task(served: Previewing) -> RunTask:
    """Run a task of tests/node/browse.mjs in the browser."""
    return partial(run_in_browser, "browse.mjs", url=served.url)


def assert_played_through(found: Mapping[str, Any]) -> None:
    """From zero to the end without a gap, and as long as the source."""
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert len(found["played"]) == 1
    assert found["played"][0] == pytest.approx([0, DURATION_S], abs=TOLERANCE_S)


def test_the_page_plays_to_the_end_and_requests_nothing_from_other_origins(
    run_task: RunTask,
) -> None:
    found = run_task("whole", rate=RATE)
    assert_no_fault(found)
    assert_played_through(found)
    assert found["errors"] == []
    assert found["foreignRequests"] == []


def test_every_rung_plays_from_start_to_end(run_task: RunTask, sample: Sample) -> None:
    """Also across the segment of a resumed job at which the preset changes."""
    checkpoint = json.loads((sample.folder / sample.run / "checkpoint.json").read_text())
    presets = {s["index"]: s["preset"] for s in checkpoint["segments"] if s["rendition"] == "360p"}
    assert (presets[SECOND_FIRST - 1], presets[SECOND_FIRST]) == ("superfast", "veryfast")
    count = DURATION_S // TILE_S
    found = run_task("rungs", rate=RATE, times=[i * TILE_S + TILE_S / 2 for i in range(count)])
    assert sorted(rung["height"] for rung in found.values()) == sorted(HEIGHTS)
    for level, rung in found.items():
        assert_no_fault(rung)
        assert_played_through(rung)
        assert rung["shown"] == rung["height"]
        assert set(rung["levels"]) <= {int(level)}
        for i, (seen, meant) in enumerate(zip(rung["colors"], COLORS[:count], strict=True)):
            assert seen == pytest.approx(meant, abs=40), f"the frame at {i * TILE_S} s"


def test_it_seeks_to_any_time_and_continues_to_play(run_task: RunTask) -> None:
    chosen = random.Random(20)  # noqa: S311 (seeded: the same times in each run)
    times = [round(chosen.uniform(0, DURATION_S - 1), 2) for _ in range(19)]
    times.append(SECOND_FIRST * SEGMENT_S - 0.05)
    found = run_task("seeks", times=times)
    assert_no_fault(found)
    assert found["reached"] == pytest.approx(times, abs=TOLERANCE_S)


def test_it_switches_between_rungs_up_and_down(run_task: RunTask) -> None:
    found = run_task("switches", values=["0", "1", "2", "1", "0", "2"])
    lowest, middle, highest = sorted(HEIGHTS)
    assert found["shown"] == [lowest, middle, highest, middle, lowest, highest]
    assert_no_fault(found)


def test_audio_plays_without_video(run_task: RunTask) -> None:
    found = run_task("audio", rate=RATE)
    assert_no_fault(found)
    assert_played_through(found)
    assert found["height"] == 0


def test_the_storyboard_shows_the_tile_of_the_time_under_the_pointer(run_task: RunTask) -> None:
    times = [0.5, 3, 9, 10.9, 17, DURATION_S - 0.5]
    found = run_task("storyboard", times=times)
    assert_no_fault(found)
    for seen in found["seen"]:
        tile = int(seen["time"] // TILE_S)
        x, y = tile % COLUMNS * TILE[0], tile // COLUMNS * TILE[1]
        assert seen["position"].replace("-", "") == f"{x}px {y}px"
        assert seen["color"] == pytest.approx(COLORS[tile], abs=25)


def test_a_click_on_a_chapter_seeks_to_its_start(run_task: RunTask) -> None:
    found = run_task("chapters")
    assert [row["at"] for row in found["found"]] == pytest.approx([c[0] for c in CHAPTERS])
    for row, (_, title) in zip(found["found"], CHAPTERS, strict=True):
        assert row["text"].endswith(title)
    assert found["thumbnails"] == 1


def test_the_page_is_in_korean_and_english_and_fits_on_a_phone(run_task: RunTask) -> None:
    found = run_task("languages")
    english, korean = found["en-US"], found["ko-KR"]
    assert english["first"] == korean["toggled"]
    assert korean["first"] == english["toggled"]
    assert english["first"]["auto"] == "Auto"
    assert korean["first"]["auto"] == "자동"
    assert "What is published" in english["first"]["headings"]
    assert "게시된 화질" in korean["first"]["headings"]
    for page in (english, korean):
        assert page["overflow"] == 0
        assert page["errors"] == []


def test_the_report_works_without_a_server(run_task: RunTask, sample: Sample) -> None:
    written = subprocess.run(
        [sys.executable, "-m", "worker", "preview", str(sample.folder), "--report"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = run_task("report", file=written.stdout.strip())
    assert found["errors"] == [], "the page's own policy must allow its style and script"
    assert (found["before"], found["after"]) == ("What is published", "게시된 화질")
    assert found["plots"] == 2
    assert found["stroke"] != "none"
    assert found["thumbnail"] > 0


def test_shaka_player_plays_it_to_the_end(run_task: RunTask) -> None:
    found = run_task("shaka", rate=RATE)
    assert found["faults"] == []
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert {track["height"] for track in found["tracks"]} >= set(HEIGHTS)
