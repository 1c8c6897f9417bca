"""Reads SRT and WebVTT, in which a line of times is followed by lines of text. Pure.

What people and programs write into them is read where it can mean one thing only: a comma or a dot,
numbers or none, one to three digits of hours, spaces from a translation program, no empty line
between two cues, or some within one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from worker.text.file_cue import Fault, FileCue
from worker.text.markup import webvtt_text

_SPACE = r"[ \t]{0,8}"
_COLON = rf"{_SPACE}:{_SPACE}"
# Without a fraction only with hours: `10:30` may be a time of day in a text.
_TIME = (
    rf"(?:(?:([0-9]{{1,3}}){_COLON})?([0-9]{{1,2}}){_COLON}([0-9]{{1,2}})"
    rf"{_SPACE}[.,]{_SPACE}([0-9]{{1,9}})"
    rf"|([0-9]{{1,3}}){_COLON}([0-9]{{1,2}}){_COLON}([0-9]{{1,2}}))"
)
_ARROW = "-{1,3} ?>"
_TIMING = re.compile(rf"{_SPACE}{_TIME}{_SPACE}{_ARROW}{_SPACE}{_TIME}(?![0-9:.,])(.*)")
# What was meant to be one: it begins as a time, and has an arrow or all the parts of a time.
_LIKE_TIMING = re.compile(
    rf"{_SPACE}-?[0-9][0-9 \t]{{0,8}}:[^<>]{{0,60}}?{_ARROW}"
    rf"|{_SPACE}[0-9]{{1,3}}{_COLON}[0-9]{{1,2}}{_COLON}[0-9]{{1,2}}{_SPACE}[.,]"
)
# What may follow the times: coordinates in SRT, settings in WebVTT; other words are a text.
_ATTRIBUTES = re.compile(r"\s*(?:[\w-]+:\S+\s*)*")
_NUMBER = re.compile(r"[0-9]{1,6}")
_HEADER = re.compile(r"WEBVTT(?:[ \t].*)?")
_MOST = 59

# Settings of a cue (WebVTT, section 4.4); not a region, which the file's head defines.
_PERCENT = r"(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%"
_SETTINGS = re.compile(
    r"vertical:(?:rl|lr)"
    rf"|line:(?:-?[0-9]{{1,4}}|{_PERCENT})(?:,(?:start|center|end))?"
    rf"|position:{_PERCENT}(?:,(?:line-left|center|line-right))?"
    rf"|size:{_PERCENT}"
    r"|align:(?:start|center|end|left|right)"
)


def is_webvtt(lines: Sequence[str]) -> bool:
    """Whether a file begins as WebVTT does."""
    return _HEADER.fullmatch(next((line for line in lines if line.strip()), "")) is not None


def has_timings(lines: Sequence[str]) -> bool:
    """Whether there is a line of times, or what was meant to be one."""
    return any(_is_timing(line) for line in lines)


def read_timed_lines(lines: Sequence[str]) -> Iterator[FileCue | Fault]:
    """Read the cues of an SRT or WebVTT file, in its order."""
    are_webvtt = is_webvtt(lines)
    at = [i for i, line in enumerate(lines) if _is_timing(line)]
    for count, (here, following) in enumerate(pairwise([*at, len(lines)]), start=1):
        body = lines[here + 1 : following]
        if are_webvtt:
            text = _webvtt_lines(body)
        else:
            text = _srt_text([*_words_after(lines[here]), *body], count + 1)
        yield _read_cue(lines[here], here + 1, text, keeps_settings=are_webvtt)


def _is_timing(line: str) -> bool:
    return bool(_TIMING.match(line) or _LIKE_TIMING.match(line))


def _read_cue(timing: str, line: int, text: str, *, keeps_settings: bool) -> FileCue | Fault:
    match = _TIMING.match(timing)
    parts = match.groups() if match else ()
    start_ms, end_ms = _milliseconds(parts[:7]), _milliseconds(parts[7:14])
    if start_ms is None or end_ms is None:
        return Fault(line=line, reason="its times cannot be read")
    if end_ms < start_ms:
        return Fault(line=line, reason="it ends before it starts")
    settings = _known_settings(parts[14] or "") if keeps_settings else ""
    return FileCue(start_ms=start_ms, end_ms=end_ms, text=text, settings=settings)


def _milliseconds(parts: Sequence[str | None]) -> int | None:
    """Read a time: hours, minutes, seconds, fraction, or the first three; None: it is none."""
    if not parts:
        return None
    alternatives = zip(parts[:3], parts[4:], strict=True)
    hours, minutes, seconds = (int(one or other or 0) for one, other in alternatives)
    if minutes > _MOST or seconds > _MOST:
        return None
    fraction = (parts[3] or "").ljust(3, "0")[:3]
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(fraction)


def _words_after(timing: str) -> tuple[str, ...]:
    """Return the text of a cue that begins in the line of its times."""
    rest = match[15] if (match := _TIMING.match(timing)) else ""
    return () if _ATTRIBUTES.fullmatch(rest) else (rest.strip(),)


def _known_settings(text: str) -> str:
    return " ".join(each for each in text.split() if _SETTINGS.fullmatch(each))


def _webvtt_lines(body: Sequence[str]) -> str:
    """Return the text up to an empty line; it is escaped already, but for an arrow."""
    text = "\n".join(takewhile(bool, body))
    return text.replace("\0", "").replace("-->", "--&gt;")


def _srt_text(body: Sequence[str], next_number: int) -> str:
    """Return the text up to the number of the next cue, without empty lines."""
    written = [line for line in body if line.strip()]
    if written and _NUMBER.fullmatch(number := written[-1].strip()):
        is_adjacent = bool(body[-1].strip())
        if is_adjacent or int(number) == next_number:
            written.pop()
    return webvtt_text("subrip", "\n".join(written), b"")
