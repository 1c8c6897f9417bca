"""Videos whose frames carry numbers and whose audio is known at each moment, and their readers.

What is published is read by a decoder alone: which frame of which video each frame shows, and by
how many samples the audio is off.
"""

from __future__ import annotations

import json
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.functional.conftest import FFMPEG, ffmpeg, ffprobe
from tests.functional.hls import Published, Rendition

RATE_HZ = 48_000
# Columns of a frame: eight of the number in Gray code, two of the video, two that never change.
_BITS, _VIDEO_BITS, _COLUMNS = 8, 2, 12
_TONES, _LOWEST_HZ, _HIGHEST_HZ = 60, 150, 5000
# Samples that are compared at each end of a piece, how far they may be off to be found, and how far
# an encoder spreads what is heard.
_WINDOW, _MOST_LAG, _SPREAD = 9600, 300, 2048
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Numbered:
    """A video of numbered frames: when each is shown and what is heard, from the file's start.

    `numbers` and `times_s` are those of its frames. `heard` is from when to when the voice is
    heard, in its own time, and how much later that is in the file; None without audio.
    """

    path: Path
    video: int
    numbers: Sequence[int]
    times_s: Sequence[float]
    duration_s: float
    heard: tuple[float, float, float] | None = None

    def shown_at(self, frame: int, rate: Fraction) -> int:
        """Which of its frames is shown at a frame of a grid that begins with the file."""
        due = [i for i, at_s in enumerate(self.times_s) if round(at_s * rate) <= frame]
        return self.numbers[due[-1] if due else 0]

    def frames(self, rate: Fraction) -> int:
        return round(self.duration_s * rate)

    def sound(self, times_s: Samples) -> Samples:
        """What is heard at these times of it."""
        if self.heard is None:
            return np.zeros_like(times_s)
        begins_s, ends_s, later_s = self.heard
        own_s = times_s - later_s
        return np.where((own_s >= begins_s) & (own_s < ends_s), voice(self.video, own_s), 0.0)


def voice(number: int, times_s: Samples) -> Samples:
    """A mixture of tones in which no moment is like another one."""
    chance = np.random.default_rng(number)
    tones_hz = chance.uniform(_LOWEST_HZ, _HIGHEST_HZ, _TONES)
    phases = chance.uniform(0, 2 * np.pi, _TONES)
    waves = (np.sin(2 * np.pi * hz * times_s + at) for hz, at in zip(tones_hz, phases, strict=True))
    mixed: Samples = sum(waves, np.zeros_like(times_s)) * 0.35 / np.sqrt(_TONES)
    return mixed


@dataclass(frozen=True)
class Recipe:
    """How a video is made. `rotated`: it is stored on its side, as a phone does."""

    suffix: str = "mp4"
    size: tuple[int, int] = (320, 180)
    rate: Fraction = Fraction(25)
    seconds: Fraction = Fraction(3)
    codec: Sequence[object] = ("-c:v", "libx264", "-preset", "ultrafast", "-g", 50, "-bf", 2)
    audio_hz: int = 48_000
    channels: int = 1
    audio: Sequence[object] | None = ("-c:a", "aac", "-b:a", "128k")
    audio_late_s: Fraction = Fraction(0)
    filters: str = ""
    rotated: bool = False
    kept: Sequence[int] = field(default_factory=tuple)


def make(folder: Path, video: int, recipe: Recipe) -> Numbered:
    """Make a video; `kept` are the numbers of the frames that it has, where some are left out."""
    path = folder / f"video{video}.{recipe.suffix}"
    count = int(recipe.seconds * recipe.rate)
    width, height = recipe.size
    picture = (
        f"color=black:s={16 * _COLUMNS}x16:r={recipe.rate}:d={float(recipe.seconds)},"
        f"geq=lum='if({_white(video)},235,16)':cb=128:cr=128,scale={width}:{height}:flags=neighbor"
        ",setsar=1"
    )
    if recipe.kept:
        picture += f",select='{'+'.join(f'eq(n,{n})' for n in recipe.kept)}'"
    if recipe.rotated:
        picture += ",transpose=cclock"
    if recipe.filters:
        picture += f",{recipe.filters}"
    inputs: list[object] = ["-f", "lavfi", "-i", picture]
    mapped: list[object] = ["-map", "0:v"]
    if recipe.audio:
        wav = folder / f"voice{video}.wav"
        _write_voice(wav, video, recipe, recipe.seconds - recipe.audio_late_s)
        inputs += ["-itsoffset", float(recipe.audio_late_s), "-i", wav]
        mapped += ["-map", "1:a", *recipe.audio]
    output = folder / f"upright{video}.{recipe.suffix}" if recipe.rotated else path
    encoder = [*recipe.codec, "-pix_fmt", "yuv420p", "-fps_mode", "passthrough"]
    ffmpeg(*inputs, *mapped, *encoder, output)
    if recipe.rotated:
        _rotate(output, path)
    return _read_times(path, video, recipe, recipe.kept or range(count))


def _read_times(path: Path, video: int, recipe: Recipe, numbers: Sequence[int]) -> Numbered:
    """Read when frames and audio are due: containers shift and round what they were given."""
    shown = json.loads(ffprobe("-show_format", "-show_packets", "-of", "json", path))
    start_s = float(shown["format"]["start_time"])
    times_s: dict[str, list[float]] = {"video": [], "audio": []}
    ends_s = []
    for packet in shown["packets"]:
        at_s = float(packet["pts_time"]) - start_s
        times_s[packet["codec_type"]].append(at_s)
        ends_s.append(at_s + float(packet.get("duration_time", 0)))
    heard = None
    if recipe.audio:
        late_s = float(recipe.audio_late_s)
        # What an encoder of AAC puts before the first sample.
        primed_s = 1024 / recipe.audio_hz if "aac" in recipe.audio else 0.0
        later_s = min(times_s["audio"]) - (late_s - primed_s)
        heard = late_s, float(recipe.seconds), later_s
    assert len(times_s["video"]) == len(numbers)
    return Numbered(path, video, numbers, sorted(times_s["video"]), max(ends_s), heard)


def _white(video: int) -> str:
    """Write which columns are white: the number in Gray code, the video, and then white and black.

    Bit i of the Gray code of N is that of (N + 2^i) / 2^(i+1).
    """
    column = "floor(X/16)"
    gray = f"mod(floor((N+pow(2,{column}))/pow(2,{column}+1)),2)"
    of_video = f"mod(floor({video}/pow(2,{column}-{_BITS})),2)"
    rest = f"if(lt({column},{_COLUMNS - 2}),{of_video},eq({column},{_COLUMNS - 2}))"
    return f"if(lt({column},{_BITS}),{gray},{rest})"


def _write_voice(path: Path, video: int, recipe: Recipe, length_s: Fraction) -> None:
    late_s, hz = float(recipe.audio_late_s), recipe.audio_hz
    times_s = late_s + np.arange(round(length_s * hz)) / hz
    one = np.round(voice(video, times_s) * 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(recipe.channels)
        file.setsampwidth(2)
        file.setframerate(hz)
        file.writeframes(np.repeat(one[:, None], recipe.channels, axis=1).tobytes())


def _rotate(source: Path, path: Path) -> None:
    """Say in the track's header that it is to be turned a quarter clockwise (ISO/IEC 14496-12)."""
    data = bytearray(source.read_bytes())
    # Of the first track.
    matrix = data.index(b"tkhd") + 4 + 40
    unit = (1 << 16).to_bytes(4, "big")
    minus = (-(1 << 16)).to_bytes(4, "big", signed=True)
    zero, last = bytes(4), (1 << 30).to_bytes(4, "big")
    data[matrix : matrix + 36] = zero + unit + zero + minus + zero + zero + zero + zero + last
    path.write_bytes(data)


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
        centers = [int(left + (i + 0.5) * inner_width / _COLUMNS) for i in range(_COLUMNS)]
        levels = [float(rows[:, center].mean()) for center in centers]
        bits = [level > 125 for level in levels]
        corner = (
            float(frame[: max(1, top), :].mean()) if top else float(frame[:, : max(1, left)].mean())
        )
        has_bars = (top or left) == 0 or corner < 40
        if has_bars and bits[-2:] == [True, False]:
            gray = sum(bit << i for i, bit in enumerate(bits[:_BITS]))
            video = sum(bit << i for i, bit in enumerate(bits[_BITS : _BITS + _VIDEO_BITS]))
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
        # The last frame's own length is not known.
        assert len(found) <= len(expected), (len(found), len(expected))
        wrong = {
            n: pair
            for n, pair in enumerate(zip(found, expected, strict=False))
            if pair[0] != pair[1]
        }
        assert wrong == {}, wrong
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
            sound = piece.video.sound(own_s + (around - begin) / RATE_HZ)
            heard = found[start:stop]
            if np.abs(sound[_MOST_LAG:-_MOST_LAG]).max() == 0.0:
                # The encoder spreads what is beside it.
                assert np.abs(heard[_SPREAD:-_SPREAD]).max() < 0.01
                continue
            matches = np.correlate(sound, heard, "valid")
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
