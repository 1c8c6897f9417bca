"""Decodes audio before it is encoded: whether it can be, and how loud it is."""

from __future__ import annotations

import re
from pathlib import Path

import structlog

from worker.ffmpeg.audio import measure_loudness, try_audio
from worker.ffmpeg.run import FFMPEG_FAILURES, decoded_frames, run_ffmpeg
from worker.media.streams import AudioStream
from worker.runtime.command import Command
from worker.runtime.process import FailedError
from worker.runtime.workspace import Workspace

_LOUDNESS = re.compile(r"\bI:\s+(-?\d+(?:\.\d+)?) LUFS")
# Below this there is nothing but noise to raise (EBU R128's absolute gate).
_SILENCE_LUFS = -69.0
_MAX_GAIN_DB = 30.0

log = structlog.get_logger(__name__)


def can_decode(source: Path, stream: AudioStream, workspace: Workspace) -> bool:
    """Whether the first seconds of an audio track can be decoded, or at least a third of them."""
    tail = _run(try_audio(source, stream), workspace)
    # Killed, it may have been for lack of memory, and a lecture without its audio is no lecture:
    # then the encode finds out.
    return tail is None or decoded_frames(tail).get(stream.index, 0) > 0


def gain_to(target_lufs: float, source: Path, stream: AudioStream, workspace: Workspace) -> float:
    """Return the gain, in dB, that brings audio to a loudness; 0 for silence.

    The whole track is decoded for it.
    """
    tail = _run(measure_loudness(source, stream), workspace)
    measured = [float(match[1]) for line in tail or () if (match := _LOUDNESS.search(line))]
    if not measured or measured[-1] < _SILENCE_LUFS:
        log.warning("loudness_unknown", measured_lufs=measured[-1] if measured else None)
        return 0.0
    gain_db = max(-_MAX_GAIN_DB, min(_MAX_GAIN_DB, round(target_lufs - measured[-1], 1)))
    log.info("loudness_measured", lufs=measured[-1], gain_db=gain_db)
    return gain_db


def _run(command: Command, workspace: Workspace) -> tuple[str, ...] | None:
    """Run one FFmpeg and return its last lines; none where it failed, None if killed."""
    try:
        return run_ffmpeg("ffmpeg (audio check)", command, workspace)
    except FFMPEG_FAILURES as error:
        log.debug("audio_check_failed", reason=str(error))
        return () if isinstance(error, FailedError) else None
