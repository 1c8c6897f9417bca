"""What is wrong with what the worker made of a spoiled clip."""

from __future__ import annotations

import json
import re
import subprocess
from array import array
from pathlib import Path

from tests.corpus.run import BAD_SOURCE, INTERNAL_ERROR, PUBLISHED, Ended, last_event
from tests.functional.conftest import FFMPEG, FFPROBE
from tests.fuzz.joints import Joined

BOUND_S = 120
_AUDIO_HZ = 8000
_WINDOW_S = 0.1
# At a joint video and audio end apart, and an encoder's first and last packets are not full.
_JOINT_S = 0.15
# A part's own levels and tones, apart from what an encoder and a scaler do to them.
_LEVELS, _PASSES = 14, 6
_LEAST_RIGHT = 0.8
# Of what a damaged file decodes to, frames without a time of their own are not shown twice.
_LEAST_SHARE, _LEAST_LOSS_S = 0.8, 1.0


def find_fault(ended: Ended, out: Path) -> str | None:
    """Judge how a job ended, and that what it published can be decoded to its end."""
    status = ended.status
    if status is None:
        return "it hangs"
    if "Traceback" in ended.output or status == INTERNAL_ERROR:
        return "a traceback"
    if status not in {PUBLISHED, BAD_SOURCE}:
        return f"status {status}"
    master = out / "master.m3u8"
    if status == BAD_SOURCE:
        return "refused and published" if master.exists() else None
    if not master.exists():
        return "published nothing"
    # Decoded to its end by FFmpeg: the last frame is there, although duplicates are left out.
    command = [FFPROBE, "-v", "error", "-select_streams", "v:0", "-of", "json"]
    shown = subprocess.run(
        [*command, "-show_entries", "frame=pts_time", str(master)],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    frames = json.loads(shown.stdout or "{}").get("frames", [])
    times = [float(frame["pts_time"]) for frame in frames if "pts_time" in frame] or [0.0]
    rate = float(re.findall(r"FRAME-RATE=([\d.]+)", master.read_text())[0])
    found = round((max(times) - min(times)) * rate) + 1
    expected = round(last_event(ended.output)["duration_s"] * rate)
    return None if abs(found - expected) <= 1 else f"it shows {found} frames and not {expected}"


def find_loss(ended: Ended, source: Path) -> str | None:
    """Judge whether a damaged clip was published much shorter than what FFmpeg decodes of it."""
    if ended.status != PUBLISHED or '"level": "warning"' in ended.output:
        return None
    rate = _rate(source)
    shown_s = len(_decode(source, "v:0", "-vf", "scale=1:1,format=gray", "-f", "rawvideo")) / rate
    heard_s = len(_samples(source)) / _AUDIO_HZ
    published_s = float(last_event(ended.output)["duration_s"])
    decoded_s = max(shown_s, heard_s)
    if published_s < _LEAST_SHARE * decoded_s - _LEAST_LOSS_S:
        return f"it lasts {published_s:.1f} s, and {decoded_s:.1f} s can be decoded"
    return None


def find_wrong_parts(ended: Ended, out: Path, joined: Joined) -> str | None:
    """Judge whether each part of a joined upload is shown and heard, in its time."""
    if ended.status == BAD_SOURCE:
        code = last_event(ended.output).get("code")
        return None if code == "broken_timestamps" else f"refused as {code}: {ended.message}"
    master = out / "master.m3u8"
    # Of the middle: a part of another shape has black bars beside it.
    middle = "crop=iw/4:ih/4,scale=1:1,format=gray"
    gray = ("-vf", f"setpts=PTS-STARTPTS,fps=25:start_time=0,{middle}")
    levels = _decode(master, "v:0", *gray, "-f", "rawvideo")
    samples = _samples(master)
    expected_s = sum(part.seconds for part in joined.parts)
    published_s = float(last_event(ended.output)["duration_s"])
    tolerance_s = _JOINT_S * len(joined.parts)
    if abs(published_s - expected_s) > tolerance_s:
        return f"it lasts {published_s:.2f} s and not {expected_s:.2f}"
    start_s = 0.0
    for number, part in enumerate(joined.parts, 1):
        end_s = start_s + part.seconds
        late_s = _JOINT_S * number
        first_s, last_s = start_s + _JOINT_S, end_s - _JOINT_S
        seen = levels[round((first_s + late_s) * 25) : round(last_s * 25)]
        if not _is_mostly([abs(level - part.level) <= _LEVELS for level in seen]):
            return f"part {number} is not shown: {sorted(set(seen))}"
        passes = _passes(samples, first_s + late_s, last_s)
        if not _is_mostly([abs(n - part.hertz * _WINDOW_S) <= _PASSES for n in passes]):
            return f"part {number} is not heard: {passes}"
        start_s = end_s
    return None


def _is_mostly(right: list[bool]) -> bool:
    return sum(right) >= _LEAST_RIGHT * max(1, len(right))


def _passes(samples: array[int], start_s: float, end_s: float) -> list[int]:
    """Count the upward passes through zero in each window: a tenth of the tone's frequency."""
    size = round(_WINDOW_S * _AUDIO_HZ)
    first, last = (round(at_s * _AUDIO_HZ) for at_s in (start_s, end_s))
    return [
        sum(a < 0 <= b for a, b in zip(samples[i : i + size], samples[i + 1 :], strict=False))
        for i in range(first, last - size, size)
    ]


def _samples(source: Path) -> array[int]:
    raw = _decode(source, "a:0", "-ac", "1", "-ar", str(_AUDIO_HZ), "-f", "s16le")
    return array("h", raw[: len(raw) // 2 * 2])


def _rate(source: Path) -> float:
    shown = ("-select_streams", "v:0", "-show_entries", "stream=avg_frame_rate", "-of", "csv=p=0")
    answer = subprocess.run(
        [FFPROBE, "-v", "quiet", *shown, str(source)], capture_output=True, text=True, check=False
    )
    numbers = re.match(r"([1-9]\d*)/([1-9]\d*)", answer.stdout)
    return int(numbers[1]) / int(numbers[2]) if numbers else 25.0


def _decode(source: Path, track: str, *options: str) -> bytes:
    """Decode one track as far as it goes; nothing where there is none."""
    words = [FFMPEG, "-v", "quiet", "-nostdin", "-i", str(source), "-map", f"0:{track}?"]
    # As many frames as there are, whatever their times.
    every = ("-vsync", "passthrough") if track.startswith("v") else ()
    answer = subprocess.run(
        [*words, *every, *options, "-"], capture_output=True, timeout=BOUND_S, check=False
    )
    return answer.stdout
