"""Decodes sound to learn of it before it is encoded: whether it can be, and how loud it is."""

from __future__ import annotations

import re
from pathlib import Path

import structlog

from worker.alone import CAME_TO_NOTHING, decoded_frames, run_alone
from worker.media import AudioStream
from worker.process import Build, FailedError, Tools
from worker.sound import measure_loudness, try_sound

_LOUDNESS = re.compile(r"\bI:\s+(-?\d+(?:\.\d+)?) LUFS")
# Below this there is nothing but noise to raise (EBU R128's absolute gate).
_SILENCE_LUFS = -69.0
_MOST_GAIN_DB = 30.0

log = structlog.get_logger(__name__)


def can_decode(source: Path, stream: AudioStream, *, folder: Path, tools: Tools) -> bool:
    """Whether the first seconds of a sound track can be decoded, or at least a third of them."""
    tail = _run(
        lambda pipes: try_sound(source, stream, ffmpeg_path=tools.ffmpeg, pipes=pipes),
        folder=folder,
        tools=tools,
    )
    # Killed, it may have been for want of memory, and a lecture without its sound is none: then
    # the encode finds out.
    return tail is None or decoded_frames(tail).get(stream.index, 0) > 0


def gain_to(
    target_lufs: float, source: Path, stream: AudioStream, *, folder: Path, tools: Tools
) -> float:
    """Return the gain, in dB, that brings a sound to a loudness; 0 for silence.

    The whole track is decoded for it.
    """
    tail = _run(
        lambda pipes: measure_loudness(source, stream, ffmpeg_path=tools.ffmpeg, pipes=pipes),
        folder=folder,
        tools=tools,
    )
    told = [float(match[1]) for line in tail or () if (match := _LOUDNESS.search(line))]
    if not told or told[-1] < _SILENCE_LUFS:
        log.warning("loudness_unknown", measured_lufs=told[-1] if told else None)
        return 0.0
    gain_db = round(target_lufs - told[-1], 1)
    log.info("loudness_measured", lufs=told[-1], gain_db=gain_db)
    return max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, gain_db))


def _run(build: Build, *, folder: Path, tools: Tools) -> tuple[str, ...] | None:
    """Run one FFmpeg and return what it said last; nothing where it failed, None if killed."""
    try:
        return run_alone("ffmpeg (listening)", build, folder=folder, tools=tools)
    except CAME_TO_NOTHING as error:
        log.debug("listening_failed", reason=str(error))
        return () if isinstance(error, FailedError) else None
