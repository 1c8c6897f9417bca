"""What the first decoded frame shows, from the lines of ffprobe's JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.unit.sample import packets
from worker.media.first_frame import FirstFrame, is_frame_end, lag_s, read_first_frame

FRAME = {"best_effort_timestamp_time": "0.080000", "width": 320, "height": 240}
SIDE_DATA = [{"side_data_type": "3x3 displaymatrix", "rotation": 90}]


def lines(*frames: dict[str, Any]) -> list[str]:
    """Write frames as ffprobe does, up to the end of the first one."""
    text = json.dumps({"frames": frames}, indent=4).splitlines()
    ends = [i for i, line in enumerate(text) if is_frame_end(line)]
    return text[: ends[0] + 1] if ends else text


@pytest.mark.parametrize("more", [(), (FRAME,)], ids=["one frame", "several"])
def test_the_first_frame_is_read(more: tuple[dict[str, Any], ...]) -> None:
    first = FRAME | {"sample_aspect_ratio": "4:3", "side_data_list": SIDE_DATA}
    assert read_first_frame(lines(first, *more)) == FirstFrame(
        at_s=0.08, width=320, height=240, sample_aspect_ratio="4:3", side_data=tuple(SIDE_DATA)
    )


def test_a_frame_of_a_raw_stream_has_no_time() -> None:
    found = read_first_frame(lines(FRAME | {"best_effort_timestamp_time": "N/A"}))
    assert found
    assert found.at_s is None
    assert found.side_data == ()


@pytest.mark.parametrize("text", [[], ["{"], lines(), ["{", '    "frames": [', "        {"]])
def test_where_no_frame_can_be_decoded_there_is_none(text: list[str]) -> None:
    assert read_first_frame(text) is None


@pytest.mark.parametrize(
    ("shown_s", "first_key_s", "expected"),
    [
        (5.08, 0.0, Fraction(2, 25)),
        (6.04, 1.0, Fraction(1, 25)),
        (5.0, 0.0, 0),
        # It starts with frames that cannot be decoded.
        (9.0, 0.0, 0),
        (None, 0.0, 0),
        (5.08, None, 0),
    ],
)
def test_frames_come_late_by_what_the_decoder_holds_back(
    shown_s: float | None, first_key_s: float | None, expected: Fraction
) -> None:
    first = FirstFrame(at_s=shown_s, width=2, height=2, sample_aspect_ratio=None, side_data=())
    early = replace(packets(9, rate=25), is_decode_timed=True, first_key_s=first_key_s)
    assert lag_s(first, early, origin_s=5.0) == expected
    assert lag_s(None, early, origin_s=5.0) == 0
    assert lag_s(first, replace(early, is_decode_timed=False), origin_s=5.0) == 0
