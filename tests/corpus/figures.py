"""The figures of a published clip, for the line that is printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.corpus.measure import Lag


@dataclass
class Figures:
    """What was measured of a clip; empty where it was not published."""

    duration_s: float = 0.0
    frame_s: float = 0.0
    width: int = 0
    height: int = 0
    has_audio: bool = False
    audio: list[Lag | None] = field(default_factory=list)
    video: list[Lag | None] = field(default_factory=list)
    orientation: str = ""
