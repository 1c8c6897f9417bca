"""Makes the text renditions of a run: of the source's subtitles, beside those from outside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from worker.ffmpeg.inputs import show_texts
from worker.ffmpeg.remux import copy_webvtt
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.hls.run import TextRendition, without_replaced
from worker.hls.webvtt import (
    Cue,
    TooManyCuesError,
    cut_cues,
    read_cues,
    render_segments,
    segment_lengths_s,
)
from worker.media.streams import CAPTIONS
from worker.plan.plan import Plan
from worker.plan.texts import TextPlan
from worker.runtime.child import Line
from worker.runtime.process import Processes
from worker.runtime.workspace import Workspace
from worker.source.captions import read_captions
from worker.text.cues import caption_cues, packet_cues
from worker.text.encoding import UTF8
from worker.text.packets import MAX_TRACK_BYTES, TextPackets

_WEBVTT, _CEA_608 = "webvtt", "eia_608"

log = structlog.get_logger(__name__)


def make_subtitles(
    plan: Plan,
    sources: Sequence[Path],
    workspace: Workspace,
    *,
    outside: Sequence[TextRendition] = (),
) -> tuple[TextRendition, ...]:
    """Return the text renditions of a run: those from outside, then those of the plan.

    `sources` are the files of its parts. One from outside replaces the upload's own ones of its
    language. A video without its subtitles is better than none: what cannot be read of the upload
    is left out.
    """
    lengths_s = segment_lengths_s(plan.grid)
    languages = [text.language for text in outside if text.language]
    kept = without_replaced(plan.texts, languages)
    if replaced := [text.name for text in plan.texts if text not in kept]:
        log.info("subtitles_replaced", tracks=replaced)
    cues: dict[str, list[Cue]] = {text.name: [] for text in kept}
    for index, source in enumerate(sources):
        for name, found in _part_cues(kept, plan, index, source, workspace):
            cues[name] += found
    made = {}
    for name, found in cues.items():
        with _left_out(name):
            if found:
                made[name] = render_segments(found, lengths_s)
    embedded = (
        TextRendition.of(text, segments=made[text.name]) for text in plan.texts if text.name in made
    )
    return (*outside, *embedded)


@contextmanager
def _left_out(name: str) -> Iterator[None]:
    """Leave out what holds more than anybody reads."""
    try:
        yield
    except TooManyCuesError as error:
        log.warning("subtitles_left_out", reason=f"{name} cannot be used: {error}")


def _part_cues(
    texts: Sequence[TextPlan], plan: Plan, index: int, source: Path, workspace: Workspace
) -> Iterator[tuple[str, Sequence[Cue]]]:
    """Yield the name of each track of a part, and its cues on the timeline of the run."""
    tracks = ((text, text.track(index)) for text in texts)
    own = [replace(text, stream=track, tracks=()) for text, track in tracks if track]
    for text, read in _readers(own, plan.alone(index), source, workspace):
        with _left_out(text.name):
            cues = read()
            yield text.name, cues if plan.is_one_file else _lay(cues, plan, index)


def _lay(cues: Sequence[Cue], plan: Plan, index: int) -> list[Cue]:
    """Put the cues of a part on the timeline of the run, none of them beyond the part's end."""
    part, rate = plan.parts[index], plan.grid.rate
    start_ms, end_ms = (round(1000 * frame / rate) for frame in (part.first_frame, part.end_frame))
    within, _ = cut_cues(cues, end_ms - start_ms)
    return [
        replace(cue, start_ms=cue.start_ms + start_ms, end_ms=cue.end_ms + start_ms)
        for cue in within
    ]


def _readers(
    planned: Sequence[TextPlan], plan: Plan, source: Path, workspace: Workspace
) -> Iterator[tuple[TextPlan, Callable[[], tuple[Cue, ...]]]]:
    """Read a source for all tracks of a kind at once; yield each with what makes its cues.

    The plan is that of one part.
    """
    kinds: dict[str, list[TextPlan]] = {}
    for text in planned:
        kind = text.stream.codec if text.stream.codec in {_WEBVTT, CAPTIONS} else ""
        kinds.setdefault(kind, []).append(text)
    for kind, texts in kinds.items():
        if kind == _WEBVTT:
            _copy(texts, source, workspace)
            yield from ((text, partial(_copied_cues, text, plan, workspace)) for text in texts)
        elif kind == CAPTIONS:
            captions = read_captions(source, plan.media, workspace)
            for text in texts:
                yield text, partial(_cues_of, text, captions)
        else:
            packets = _read_packets([text.stream.index for text in texts], source, workspace)
            yield from ((text, partial(_converted_cues, text, plan, packets)) for text in texts)


def _cues_of(text: TextPlan, captions: Mapping[str, tuple[Cue, ...]]) -> tuple[Cue, ...]:
    return captions.get(text.stream.title or "", ())


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
    try:
        with Processes(workspace) as processes:
            processes.start("ffprobe", show_texts(source))
            for event in processes.events():
                if isinstance(event, Line):
                    packets.add(event.text)
                if packets.is_full:
                    break
    except FFMPEG_FAILURES as error:
        log.warning("subtitles_left_out", reason=str(error))
    return packets


def _converted_cues(text: TextPlan, plan: Plan, packets: TextPackets) -> tuple[Cue, ...]:
    index = text.stream.index
    if packets.is_full or index in packets.too_large:
        raise TooManyCuesError("it is too large")
    codec, read, origin_s = text.stream.codec, packets.tracks[index], plan.media.origin_s
    if codec == _CEA_608:
        return caption_cues(read, origin_s=origin_s, duration_s=plan.grid.duration_s)
    cues, encoding = packet_cues(codec, read, origin_s=origin_s)
    if encoding != UTF8:
        log.info("subtitles_decoded", track=text.name, encoding=encoding)
    return cues
