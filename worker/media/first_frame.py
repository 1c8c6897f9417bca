"""What only the first decoded frame shows: when it comes, its shape, how it is turned. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from worker.media.packets import Packets

# How ffprobe ends a frame in its JSON, with a comma where another one follows.
_END = "        }"
# Sixteen frames at most (Rec. ITU-T H.264, A.3.1), and a few that a recorder left empty.
_LONGEST_LAG_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstFrame:
    """The first frame that can be decoded; `at_s` is its time as FFmpeg's filters get it."""

    at_s: float | None
    width: int
    height: int
    sample_aspect_ratio: str | None
    side_data: Sequence[dict[str, Any]]


def is_frame_end(line: str) -> bool:
    """Whether a line of ffprobe's JSON ends the description of a frame."""
    return line.rstrip(",") == _END


def read_first_frame(lines: Iterable[str]) -> FirstFrame | None:
    """Read the lines of ffprobe's JSON up to the end of the first frame; None where there is none.

    Side data of stereo or depth tracks hold objects of their own, further in.
    """
    text = "\n".join(lines).rstrip(",")
    try:
        (frame,) = json.loads(text + "]}")["frames"]
        return FirstFrame(
            at_s=_number(frame.get("best_effort_timestamp_time")),
            width=int(frame["width"]),
            height=int(frame["height"]),
            sample_aspect_ratio=frame.get("sample_aspect_ratio"),
            side_data=tuple(frame.get("side_data_list", ())),
        )
    except (ValueError, KeyError, TypeError):
        return None


def lag_s(first: FirstFrame | None, packets: Packets, *, origin_s: float) -> Fraction:
    """Return how long after the time of its packet the first frame comes out of the decoder.

    By so much all frames of a container without presentation times come late: the decoder holds
    back as many as may have to be shown first, and each gets the time of the packet that made it
    come out. In AVI, where all tracks start at zero, the first is meant to be shown at its own.
    """
    if not packets.is_decode_timed or packets.first_key_s is None:
        return Fraction(0)
    if first is None or first.at_s is None:
        return Fraction(0)
    found_s = first.at_s - origin_s - packets.first_key_s
    # More is a start that cannot be decoded: that much of the video is missing, not late.
    is_lag = 0 < found_s <= _LONGEST_LAG_S
    return Fraction(found_s).limit_denominator(1_000_000) if is_lag else Fraction(0)


def _number(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
