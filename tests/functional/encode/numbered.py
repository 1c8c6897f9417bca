"""Videos whose frames carry numbers, and whose audio is known at each moment."""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.functional.conftest import ffmpeg, ffprobe

RATE_HZ = 48_000
# Columns of a frame: eight of the number in Gray code, two of the video, two that never change.
BITS, VIDEO_BITS, COLUMNS = 8, 2, 12
_TONES, _LOWEST_HZ, _HIGHEST_HZ = 60, 150, 5000
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

    def heard_at(self, times_s: Samples) -> Samples:
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
    """How a video is made. `rotated`: it is stored on its side, as a phone does.

    `audio_end_s` is where its audio ends, if not with the frames.
    """

    suffix: str = "mp4"
    size: tuple[int, int] = (320, 180)
    rate: Fraction = Fraction(25)
    seconds: Fraction = Fraction(3)
    codec: Sequence[object] = ("-c:v", "libx264", "-preset", "ultrafast", "-g", 50, "-bf", 2)
    audio_hz: int = 48_000
    channels: int = 1
    audio: Sequence[object] | None = ("-c:a", "aac", "-b:a", "128k")
    audio_late_s: Fraction = Fraction(0)
    audio_end_s: Fraction | None = None
    filters: str = ""
    rotated: bool = False
    kept: Sequence[int] = field(default_factory=tuple)


def make(folder: Path, video: int, recipe: Recipe) -> Numbered:
    """Make a video; `kept` are the numbers of the frames that it has, where some are left out."""
    path = folder / f"video{video}.{recipe.suffix}"
    count = int(recipe.seconds * recipe.rate)
    width, height = recipe.size
    shown = (
        f"color=black:s={16 * COLUMNS}x16:r={recipe.rate}:d={float(recipe.seconds)},"
        f"geq=lum='if({_white(video)},235,16)':cb=128:cr=128,scale={width}:{height}:flags=neighbor"
        ",setsar=1"
    )
    if recipe.kept:
        shown += f",select='{'+'.join(f'eq(n,{n})' for n in recipe.kept)}'"
    if recipe.rotated:
        shown += ",transpose=cclock"
    if recipe.filters:
        shown += f",{recipe.filters}"
    inputs: list[object] = ["-f", "lavfi", "-i", shown]
    mapped: list[object] = ["-map", "0:v"]
    if recipe.audio:
        wav = folder / f"voice{video}.wav"
        _write_voice(wav, video, recipe, _audio_end_s(recipe) - recipe.audio_late_s)
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
        heard = late_s, float(_audio_end_s(recipe)), later_s
    assert len(times_s["video"]) == len(numbers)
    return Numbered(path, video, numbers, sorted(times_s["video"]), max(ends_s), heard)


def _audio_end_s(recipe: Recipe) -> Fraction:
    return recipe.seconds if recipe.audio_end_s is None else recipe.audio_end_s


def _white(video: int) -> str:
    """Write which columns are white: the number in Gray code, the video, and then white and black.

    Bit i of the Gray code of N is that of (N + 2^i) / 2^(i+1).
    """
    column = "floor(X/16)"
    gray = f"mod(floor((N+pow(2,{column}))/pow(2,{column}+1)),2)"
    of_video = f"mod(floor({video}/pow(2,{column}-{BITS})),2)"
    rest = f"if(lt({column},{COLUMNS - 2}),{of_video},eq({column},{COLUMNS - 2}))"
    return f"if(lt({column},{BITS}),{gray},{rest})"


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
