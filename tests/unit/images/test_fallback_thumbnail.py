"""Where the source is searched for a thumbnail."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sample import AUDIO, VIDEO, media, packets, plan_of, workspace
from worker.images import fallback_thumbnail
from worker.plan.parts import PreparedFile
from worker.runtime.command import Command


@pytest.mark.parametrize(
    ("clip", "first_s", "last_s"), [("0", 1.0, 9.7), ("5", 5.5, 9.85), ("30", 9.95, 9.95)]
)
def test_it_is_searched_where_there_are_frames(
    clip: str, first_s: float, last_s: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of 10 s of video and 60 of audio; the last frame stays on screen."""
    sought: list[float] = []

    def record(_: str, command: Command, *__: Any, **___: Any) -> tuple[str, ...]:
        words = command.args
        sought.append(float(words[words.index("-ss") + 1]) if "-ss" in words else 0.0)
        (tmp_path / "thumbnail.jpg").write_bytes(b"jpeg")
        return ()

    monkeypatch.setattr(fallback_thumbnail, "run_ffmpeg", record)
    times_s = array("d", (frame / 30 for frame in range(300)))
    video = replace(VIDEO, packets=replace(packets(300, rate=30), times_s=times_s))
    audio = replace(AUDIO, packets=packets(600, rate=10))
    file = PreparedFile(media=media(video=video, audio=audio, declared_s=None))
    fallback_thumbnail.find_thumbnail(
        plan_of(file, "--from", clip), [Path("/in.mp4")], workspace(tmp_path)
    )
    # All frames are black here.
    assert len(sought) == 8
    assert sought[0] == pytest.approx(first_s, abs=1e-3)
    assert max(sought) == pytest.approx(last_s, abs=1e-3)
