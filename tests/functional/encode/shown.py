"""Which frames of which numbered videos are published, and by how many samples the audio is off.

Read by a decoder alone.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.functional.conftest import FFMPEG
from tests.functional.encode.numbered import BITS, COLUMNS, RATE_HZ, VIDEO_BITS, Numbered, Samples
from tests.functional.hls import Published, Rendition

# Samples that are compared at each end of a piece, how far they may be off to be found, and how far
# an encoder spreads what is heard.
_WINDOW, _MOST_LAG, _SPREAD = 9600, 300, 2048


def read_frames(
    rung: Rendition, size: tuple[int, int], rate: Fraction, inner: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Read which frame of which video each frame of a rung shows.

    `inner` has the sizes that videos may have within the frame, the first that fits is taken.
    """
    # Duplicates were left out: each frame stays until the next one.
    raw = _decode(
        rung,
        *("-map", "0:v", "-vf", f"setpts=PTS-STARTPTS,fps={rate}:start_time=0,format=gray"),
        *("-f", "rawvideo"),
    )
    width, height = size
    frames = np.frombuffer(raw, dtype=np.uint8).reshape(-1, height, width)
    return [_read(frame, inner) for frame in frames]


def _read(frame: NDArray[np.uint8], sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    height, width = frame.shape
    for inner_width, inner_height in sizes:
        left, top = (width - inner_width) // 2, (height - inner_height) // 2
        rows = frame[top + inner_height // 4 : top + 3 * inner_height // 4]
        centers = [int(left + (i + 0.5) * inner_width / COLUMNS) for i in range(COLUMNS)]
        levels = [float(rows[:, center].mean()) for center in centers]
        bits = [level > 125 for level in levels]
        corner = (
            float(frame[: max(1, top), :].mean()) if top else float(frame[:, : max(1, left)].mean())
        )
        has_bars = (top or left) == 0 or corner < 40
        if has_bars and bits[-2:] == [True, False]:
            gray = sum(bit << i for i, bit in enumerate(bits[:BITS]))
            video = sum(bit << i for i, bit in enumerate(bits[BITS : BITS + VIDEO_BITS]))
            return video, _from_gray(gray)
    return -1, -1


def _from_gray(gray: int) -> int:
    number = 0
    while gray:
        number ^= gray
        gray >>= 1
    return number


def read_audio(published: Published) -> Samples:
    """Decode the audio from t=0 on: what comes before it is the encoder's own."""
    assert published.audio
    raw = _decode(published.audio, "-map", "0:a", "-ac", 1, "-f", "f32le")
    return np.frombuffer(raw, dtype="<f4").astype(np.float64)[1024:]


@dataclass(frozen=True)
class Piece:
    """What is expected in a row: so many frames of a video, from one of the grid on."""

    video: Numbered
    first: int
    frames: int


def assert_shows(
    published: Published,
    pieces: Sequence[Piece],
    *,
    rate: Fraction,
    size: tuple[int, int],
    inner: Sequence[tuple[int, int]] = (),
) -> None:
    """Compare what is published with the pieces: 0 frames and 0 samples off.

    `inner`: the sizes of videos that have bars beside them.
    """
    expected = [
        (piece.video.video, piece.video.shown_at(n, rate))
        for piece in pieces
        for n in range(piece.first, piece.first + piece.frames)
    ]
    for rung in published.rungs[:1]:
        found = read_frames(rung, size, rate, (size, *inner))
        wrong = {
            n: pair
            for n, pair in enumerate(zip(found, expected, strict=False))
            if pair[0] != pair[1]
        }
        assert wrong == {}, wrong
        # How long the last frame stays is not in the segments.
        assert len(expected) - len(found) <= rate
        assert float(sum(rung.durations_s)) == pytest.approx(float(len(expected) / rate), abs=2e-6)
    if published.audio:
        _assert_heard(read_audio(published), pieces, rate)


def _assert_heard(found: Samples, pieces: Sequence[Piece], rate: Fraction) -> None:
    first = 0
    for piece in pieces:
        begin, end = (round(frame / rate * RATE_HZ) for frame in (first, first + piece.frames))
        own_s = float(piece.first / rate)
        # Of a whole one, which may be shorter.
        ends = min(end, begin + _WINDOW), max(begin, end - _WINDOW)
        for start, stop in ((begin, ends[0]), (ends[1], end)):
            around = np.arange(start - _MOST_LAG, stop + _MOST_LAG)
            voice = piece.video.heard_at(own_s + (around - begin) / RATE_HZ)
            heard = found[start:stop]
            if np.abs(voice[_MOST_LAG:-_MOST_LAG]).max() == 0.0:
                # The encoder spreads what is beside it.
                assert np.abs(heard[_SPREAD:-_SPREAD]).max() < 0.01
                continue
            matches = np.correlate(voice, heard, "valid")
            late = _MOST_LAG - int(np.argmax(matches))
            assert late == 0, (
                f"audio of video {piece.video.video} is {late} samples late at {start}"
            )
        first += piece.frames
    beyond = len(found) - round(first / rate * RATE_HZ)
    assert 0 <= beyond < 2048, beyond


def _decode(rendition: Rendition, *options: object) -> bytes:
    joined = "|".join(map(str, rendition.segments))
    words = [FFMPEG, "-nostdin", "-loglevel", "error", "-i", f"concat:{joined}", *map(str, options)]
    return subprocess.run([*words, "-"], capture_output=True, check=True, timeout=60).stdout
