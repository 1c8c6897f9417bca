"""Extracts the subtitles of a source, as WebVTT renditions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from worker.ffmpeg.remux import extract_texts
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.hls.webvtt import TooManyCuesError, read_cues, render_segments, segment_lengths_s
from worker.plan.plan import Plan
from worker.runtime.workspace import Workspace

# A day of fast speech is a tenth of it.
_MAX_BYTES = 32 << 20

log = structlog.get_logger(__name__)


def make_subtitles(plan: Plan, source: Path, workspace: Workspace) -> Mapping[str, tuple[str, ...]]:
    """Return the segments of each text rendition of the plan.

    A video without its subtitles is better than none: what cannot be read is left out.
    """
    if not plan.texts:
        return {}
    try:
        run_ffmpeg("ffmpeg (text)", extract_texts(plan, source), workspace)
    except FFMPEG_FAILURES as error:
        log.warning("subtitles_left_out", reason=str(error))
        return {}
    lengths_s = segment_lengths_s(plan.grid)
    made = {}
    for text in plan.texts:
        path = workspace.folder / f"{text.name}.vtt"
        if not path.exists() or path.stat().st_size > _MAX_BYTES:
            log.warning("subtitles_left_out", reason=f"{text.name} is too large, or missing")
            continue
        try:
            cues = read_cues(path.read_text(errors="replace"), origin_s=plan.media.origin_s)
            if cues:
                made[text.name] = render_segments(cues, lengths_s)
        except TooManyCuesError as error:
            log.warning("subtitles_left_out", reason=f"{text.name} cannot be used: {error}")
    return made
