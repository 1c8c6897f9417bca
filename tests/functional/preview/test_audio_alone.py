"""Audio alone plays in headless Chromium: with hls.js on the preview's page, and Shaka."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.functional.browser import RunTask, assert_no_fault, run_in_browser
from tests.functional.conftest import ROOT, ffmpeg, publish
from tests.functional.preview.previewing import previewing

DURATION_S = 14
RATE = 4
TOLERANCE_S = 0.1


@pytest.fixture(scope="module")
def run_task(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunTask]:
    """Run a task of tests/node/browse.mjs on a voice that is published."""
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")
    folder = tmp_path_factory.mktemp("voice")
    source = folder / "voice.mp3"
    ffmpeg("-f", "lavfi", "-i", f"sine=duration={DURATION_S}", "-c:a", "libmp3lame", source)
    out = publish(folder, source, "--audio-only", "allow", "--segment", "4")
    with previewing(out) as running:
        yield partial(run_in_browser, "browse.mjs", url=running.url)


def test_the_page_plays_it_to_the_end(run_task: RunTask) -> None:
    found = run_task("whole", rate=RATE)
    assert_no_fault(found)
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert len(found["played"]) == 1
    assert found["played"][0] == pytest.approx([0, DURATION_S], abs=TOLERANCE_S)
    assert found["errors"] == []


def test_shaka_plays_it_to_the_end(run_task: RunTask) -> None:
    found = run_task("shaka", rate=RATE)
    assert found["faults"] == []
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert [track["audioCodec"] for track in found["tracks"]] == ["mp4a.40.2"]
