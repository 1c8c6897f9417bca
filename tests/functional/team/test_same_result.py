"""However many machines make a video, viewers get the same one.

x264 spends its bits by what a span had before. So behind another joint the same frames have other
bits. In a team of five the joints are the same whoever makes which share: there all segments are
the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.functional.conftest import start_job
from tests.functional.team.kinds import BY_NAME, KINDS, Kind
from tests.functional.team.teams import run_first_alone, run_team
from tests.functional.team.video import Video, assert_same, read_video
from worker.storage.local import LocalStore

SourceOf: TypeAlias = Callable[[Kind], Path]
VideoOf: TypeAlias = Callable[[Kind], Video]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("team")


@pytest.fixture(scope="module")
def source_of(folder: Path) -> SourceOf:
    @cache
    def make(kind: Kind) -> Path:
        own = folder / f"source-{kind}"
        own.mkdir()
        return kind.make(own)

    return make


@pytest.fixture(scope="module")
def ordinary(folder: Path, source_of: SourceOf) -> VideoOf:
    """What an ordinary job publishes of each kind."""

    @cache
    def make(kind: Kind) -> Video:
        out = folder / f"ordinary-{kind}"
        options = ("--source", source_of(kind), "--destination", out, *kind.options)
        ended = start_job(folder, *options, environment=kind.environment).wait()
        assert ended.status == 0, ended.stdout
        video = read_video(LocalStore(out), kind.secret)
        assert all(len(rows) >= 20 for name, rows in video.shape.items() if name[0].isdigit())
        return video

    return make


# Those that depend on how FFmpeg cuts, times and copies. Five machines make the others, too.
_TWO = [BY_NAME[name] for name in ("vfr", "copied", "muxed")]


@pytest.mark.ffmpeg
@pytest.mark.parametrize("kind", _TWO, ids=str)
def test_two_machines_make_what_one_makes(
    kind: Kind, source_of: SourceOf, ordinary: VideoOf, tmp_path: Path
) -> None:
    run_team(tmp_path, source_of(kind), tmp_path / "out", kind, of=2)
    assert_same(read_video(LocalStore(tmp_path / "out"), kind.secret), ordinary(kind), tmp_path)


@pytest.mark.parametrize(
    ("kind", "machines"),
    [*((kind, 5) for kind in KINDS), (BY_NAME["plain"], 12)],
    ids=str,
)
def test_many_machines_make_what_one_makes(
    kind: Kind, machines: int, source_of: SourceOf, ordinary: VideoOf, tmp_path: Path
) -> None:
    """Also bit for bit what one of them makes where the others do not come."""
    together, alone = tmp_path / "together", tmp_path / "alone"
    run_team(tmp_path, source_of(kind), together, kind, of=machines)
    video = read_video(LocalStore(together), kind.secret)
    assert_same(video, ordinary(kind), tmp_path)
    if kind.repeats:
        run_first_alone(tmp_path, source_of(kind), alone, kind, of=machines)
        by_one = read_video(LocalStore(alone), kind.secret)
        assert video.texts == by_one.texts
        assert video.differences(by_one) == []
