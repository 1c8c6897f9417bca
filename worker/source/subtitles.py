"""Extracts the subtitles of a source, as WebVTT renditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import structlog

from worker.ffmpeg.inputs import show_texts
from worker.ffmpeg.remux import copy_webvtt
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.hls.webvtt import (
    Cue,
    TooManyCuesError,
    read_cues,
    render_segments,
    segment_lengths_s,
)
from worker.plan.plan import Plan, TextPlan
from worker.runtime.child import Line
from worker.runtime.process import Processes
from worker.runtime.workspace import Workspace
from worker.text.cues import packet_cues
from worker.text.encoding import UTF8
from worker.text.packets import MAX_TRACK_BYTES, TextPackets

_WEBVTT = "webvtt"

log = structlog.get_logger(__name__)


def make_subtitles(plan: Plan, source: Path, workspace: Workspace) -> Mapping[str, tuple[str, ...]]:
    """Return the segments of each text rendition of the plan.

    A video without its subtitles is better than none: what cannot be read is left out.
    """
    copied = [text for text in plan.texts if text.stream.codec == _WEBVTT]
    converted = [text for text in plan.texts if text.stream.codec != _WEBVTT]
    if copied:
        _copy(copied, source, workspace)
    packets = _read_packets([text.stream.index for text in converted], source, workspace)
    lengths_s = segment_lengths_s(plan.grid)
    made = {}
    for text in plan.texts:
        try:
            is_copied = text.stream.codec == _WEBVTT
            cues = (
                _copied_cues(text, plan, workspace)
                if is_copied
                else _converted_cues(text, plan, packets)
            )
            if cues:
                made[text.name] = render_segments(cues, lengths_s)
        except TooManyCuesError as error:
            log.warning("subtitles_left_out", reason=f"{text.name} cannot be used: {error}")
    return made


def _copy(texts: Sequence[TextPlan], source: Path, workspace: Workspace) -> None:
    try:
        run_ffmpeg("ffmpeg (text)", copy_webvtt(texts, source), workspace)
    except FFMPEG_FAILURES as error:
        # Of a source that breaks off, what came before is there.
        log.warning("subtitles_left_out", reason=str(error))


def _copied_cues(text: TextPlan, plan: Plan, workspace: Workspace) -> tuple[Cue, ...]:
    path = workspace.folder / f"{text.name}.vtt"
    if not path.exists() or path.stat().st_size > MAX_TRACK_BYTES:
        raise TooManyCuesError("it is too large, or missing")
    return read_cues(path.read_text(errors="replace"), origin_s=plan.media.origin_s)


def _read_packets(indexes: Collection[int], source: Path, workspace: Workspace) -> TextPackets:
    packets = TextPackets(indexes)
    if not indexes:
        return packets
    try:
        with Processes(workspace) as processes:
            processes.start("ffprobe", show_texts(source))
            for event in processes.events():
                if isinstance(event, Line):
                    packets.add(event.text)
    except FFMPEG_FAILURES as error:
        log.warning("subtitles_left_out", reason=str(error))
    return packets


def _converted_cues(text: TextPlan, plan: Plan, packets: TextPackets) -> tuple[Cue, ...]:
    index = text.stream.index
    if index in packets.too_large:
        raise TooManyCuesError("it is too large")
    cues, encoding = packet_cues(
        text.stream.codec, packets.tracks[index], origin_s=plan.media.origin_s
    )
    if encoding != UTF8:
        log.info("subtitles_decoded", track=text.name, encoding=encoding)
    return cues
