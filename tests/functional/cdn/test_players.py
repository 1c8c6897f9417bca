"""A published clip plays through the guard in headless Chromium, with hls.js and with Shaka."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.functional.browser import RunTask, assert_no_fault, run_in_browser
from tests.functional.cdn.conftest import DURATION_S, HEIGHTS, Guarded, guarding
from tests.functional.conftest import ROOT
from tests.functional.hls import named

RATE = 4
TOLERANCE_S = 0.15
SEEKS = (7.5, 2.2, 10.1)
MASTER = "out/master.m3u8"


@pytest.fixture(scope="module")
def run_task() -> RunTask:
    """Run a task of tests/node/guarded.mjs in the browser."""
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")
    return partial(run_in_browser, "guarded.mjs")


@pytest.fixture(scope="module", params=["published", "muxed"])
def layout(request: pytest.FixtureRequest) -> Path:
    """The clip with its audio in a rendition of its own, and in each rung's segments."""
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.fixture(scope="module")
def guard(layout: Path) -> Iterator[Guarded]:
    with guarding(folder=str(layout.parent)) as running:
        yield running


@pytest.fixture
def lines_only(layout: Path) -> Iterator[Guarded]:
    """A guard that signs a playlist's URI lines, and no attribute."""
    with guarding(folder=str(layout.parent), linesOnly=True) as running:
        yield running


def is_muxed(published: Path) -> bool:
    return "TYPE=AUDIO" not in (published / "master.m3u8").read_text()


def play(run_task: RunTask, task: str, guarded: Guarded, published: Path) -> Any:  # noqa: ANN401
    (board,) = published.glob("*/storyboard")
    storyboard = named(board, "index.vtt").relative_to(published.parent)
    return run_task(
        task,
        master=guarded.sign("--path", MASTER),
        storyboard=guarded.sign("--folder", "out", "--path", storyboard.as_posix()),
        times=SEEKS,
        rate=RATE,
    )


def statuses(found: Mapping[str, Any], is_asked: Callable[[str], bool]) -> set[int]:
    return {answer["status"] for answer in found["answers"] if is_asked(answer["path"])}


def assert_played(found: Mapping[str, Any], *, is_muxed: bool) -> None:
    assert found["reached"] == pytest.approx(SEEKS, abs=TOLERANCE_S)
    assert found["end"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert found["duration"] == pytest.approx(DURATION_S, abs=TOLERANCE_S)
    assert set(found["shown"]) == set(HEIGHTS)
    assert statuses(found, lambda _: True) <= {200, 206}
    for rendition in ("240p", "360p"):
        assert any(f"/{rendition}/" in answer["path"] for answer in found["answers"])
    # Of a variant of audio alone players load no segment while they can have more.
    audio = [a for a in found["answers"] if "/audio/" in a["path"] and a["path"].endswith(".ts")]
    assert bool(audio) != is_muxed


def test_hls_js_plays_seeks_and_switches(run_task: RunTask, guard: Guarded, layout: Path) -> None:
    """With subtitles, I-frame playlists and storyboard, and nothing is refused."""
    found = play(run_task, "hls", guard, layout)
    assert_no_fault(found)
    assert_played(found, is_muxed=is_muxed(layout))
    assert found["cues"] == (2 if is_muxed(layout) else 1)
    assert found["iframes"] == [200] * len(HEIGHTS)
    assert found["ranges"] == [206] * len(HEIGHTS)
    assert found["storyboard"] == 200
    assert min(found["sheets"]) > 0


def test_shaka_plays_seeks_and_switches(run_task: RunTask, guard: Guarded, layout: Path) -> None:
    """It reads I-frame playlists and storyboard itself."""
    found = play(run_task, "shaka", guard, layout)
    assert found["faults"] == []
    assert_played(found, is_muxed=is_muxed(layout))
    assert statuses(found, lambda path: "/iframes." in path) == {200}
    # Shaka uses them only for variants of the same codecs: not where these include the audio's.
    assert (206 in statuses(found, lambda path: path.endswith(".ts"))) != is_muxed(layout)
    assert statuses(found, lambda path: path.endswith(".vtt")) == {200}
    uri, fragment = found["thumbnail"].split("#")
    assert "?token=" in uri
    assert fragment.startswith("xywh=")


@pytest.mark.parametrize("player", ["hls", "shaka"])
def test_what_plays_where_only_lines_are_signed(
    run_task: RunTask, lines_only: Guarded, layout: Path, player: str
) -> None:
    """An audio rendition is named by an attribute, and refused; muxed audio is in the rungs."""
    found = run_task(f"{player}Attempt", master=lines_only.sign("--path", MASTER))
    assert 200 in statuses(found, lambda path: "0p/" in path)
    if is_muxed(layout):
        assert found["time"] > 1
        assert not any(fault.get("fatal") for fault in found["faults"])
        return
    assert found["time"] == 0
    assert found["faults"] != []
    assert statuses(found, lambda path: "/audio/" in path) == {401}
    assert statuses(found, lambda path: "0p/" in path) == {200}


@pytest.mark.parametrize("player", ["hls", "shaka"])
def test_nothing_plays_without_a_token(run_task: RunTask, guarded: Guarded, player: str) -> None:
    found = run_task(f"{player}Attempt", master=f"{guarded.base}/{MASTER}")
    assert found["time"] == 0
    assert statuses(found, lambda _: True) == {401}
