"""Reads a file of subtitles, whatever its format and encoding: bytes in, cues out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from worker.hls.webvtt import MAX_CUES, Cue, clip_cue
from worker.text.encoding import decode_file
from worker.text.file_cue import BadSubtitlesError, Fault, FileCue
from worker.text.sami import is_sami, read_sami
from worker.text.timed_lines import has_timings, is_webvtt, read_timed_lines

# Of a hundred cues or lines one may be wrong: it is left out. A file with more is for its author.
_PER_FAULT = 100
_UNDECODABLE = "\ufffd"


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtitleTrack:
    """What a file holds in one language: cues in the order of their times.

    `format` is `srt`, `webvtt` or `sami`. `faults` are those of cues that were left out.
    """

    cues: tuple[Cue, ...]
    format: str
    encoding: str
    faults: tuple[Fault, ...]


def read_subtitle_file(raw: bytes, *, language: str) -> SubtitleTrack:
    """Read a file; `language` chooses among those of a SAMI file.

    Raises:
        BadSubtitlesError: it holds no cue, more than 50,000, or too many that cannot be read.

    """
    text, encoding = decode_file(raw)
    text = text.lstrip("\ufeff").replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    found: Iterable[FileCue | Fault]
    if is_webvtt(lines):
        kind, found = "webvtt", read_timed_lines(lines)
    elif is_sami(text):
        kind, found = "sami", read_sami(text, language=language)
    elif has_timings(lines):
        kind, found = "srt", read_timed_lines(lines)
    else:
        reason = "it is no SRT, WebVTT or SAMI" if text.strip() else "the file is empty"
        raise BadSubtitlesError(Fault(line=1, reason=reason))
    _check_encoding(lines)
    cues, faults = _sort_out(found)
    return SubtitleTrack(cues=cues, format=kind, encoding=encoding, faults=faults)


def _check_encoding(lines: list[str]) -> None:
    wrong = [i for i, line in enumerate(lines, start=1) if _UNDECODABLE in line]
    if len(wrong) * _PER_FAULT > len(lines):
        reason = "it is in no encoding that can be read; save the file as UTF-8"
        raise BadSubtitlesError(Fault(line=wrong[0], reason=reason))


def _sort_out(found: Iterable[FileCue | Fault]) -> tuple[tuple[Cue, ...], tuple[Fault, ...]]:
    cues: list[Cue] = []
    faults: list[Fault] = []
    read = list(islice(found, MAX_CUES + 1))
    for each in read:
        if isinstance(each, Fault):
            faults.append(each)
        else:
            cues += clip_cue(each.start_ms, each.end_ms, each.text, each.settings)
    if len(read) > MAX_CUES:
        raise BadSubtitlesError(Fault(line=1, reason=f"there are more than {MAX_CUES} cues"))
    if faults and (not cues or len(faults) * _PER_FAULT > len(read)):
        raise BadSubtitlesError(faults[0])
    if not cues:
        raise BadSubtitlesError(Fault(line=1, reason="there is no text in it"))
    cues.sort(key=lambda cue: cue.start_ms)
    return tuple(cues), tuple(faults)
