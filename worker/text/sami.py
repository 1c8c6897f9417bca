"""Reads SAMI (.smi): texts in a class for each language, shown until the next SYNC. Pure.

The format is HTML that hardly any program writes as it was defined: tags in any case and never
closed, classes that no style declares, one language after the other in the same file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from worker.hls.webvtt import MAX_CUES
from worker.media.language import language_code, language_tag
from worker.text.file_cue import BadSubtitlesError, Fault, FileCue
from worker.text.markup import webvtt_text

_BEGINNING = re.compile(r"\s*<SAMI\b", re.IGNORECASE)
_BODY = re.compile(r"<BODY\b", re.IGNORECASE)
_TAG = re.compile(r"<(?P<name>SYNC|P)\b(?P<attributes>[^<>]*)>?", re.IGNORECASE)
_ATTRIBUTE = r"(?<![\w-]){}[ \t]{{0,8}}=[ \t]{{0,8}}[\"']?[ \t]{{0,8}}"
_START = re.compile(_ATTRIBUTE.format("start") + r"([0-9]{1,10})(?![0-9])", re.IGNORECASE)
_END = re.compile(_ATTRIBUTE.format("end") + r"([0-9]{1,10})(?![0-9])", re.IGNORECASE)
_CLASS = re.compile(_ATTRIBUTE.format("class") + r"([\w-]{1,64})", re.IGNORECASE)
_STYLE = re.compile(r"\.([\w-]{1,64})\s{0,8}\{([^{}]{0,1000})\}")
_LANGUAGE = re.compile(
    r"\blang\s{0,8}:\s{0,8}([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})", re.IGNORECASE
)
# What is written for languages where a country's code is taken for theirs.
_COUNTRIES = {"kr": "ko", "jp": "ja", "cn": "zh", "eg": "en"}
# Classes are named by language and CC: KRCC, ENCC, ENUSCC.
_CONVENTIONAL = re.compile(r"([a-z]{2})[a-z]{0,3}cc")
# The last text, after which nothing says when it ends.
_LAST_MS = 10_000
# For each cue a SYNC and a P, and for the end of each as well; in two languages.
_MAX_TAGS = 8 * MAX_CUES


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    """A text and its class; of one without a class (empty) it is every class's."""

    start_ms: int
    end_ms: int | None
    class_name: str
    text: str


def is_sami(text: str) -> bool:
    """Whether a text is SAMI: it begins as such, or has a SYNC."""
    return bool(_BEGINNING.match(text)) or any(
        match["name"].upper() == "SYNC" and _START.search(match["attributes"])
        for match in _TAG.finditer(text)
    )


def read_sami(text: str, *, language: str) -> Iterator[FileCue | Fault]:
    """Read the cues of one language, in the order of their times, and what is wrong in the file.

    That language's class is the one with its `lang`, or its name; where no class has it, the only
    one.

    Raises:
        BadSubtitlesError: there are several classes, and none is that language's; or there are far
            too many tags.

    """
    body = _BODY.search(text)
    head = text[: body.start()] if body else text
    texts: list[_Text] = []
    for each in _texts(_without_comments(text, body.start() if body else 0)):
        if isinstance(each, Fault):
            yield each
        else:
            texts.append(each)
    wanted = _choose_class(texts, _declared_languages(head), language)
    of_class = [each for each in texts if each.class_name in {wanted, ""}]
    yield from _cues(sorted(of_class, key=lambda each: each.start_ms))


def _without_comments(text: str, start: int) -> str:
    """Blank out what is before the start, and comments; lines keep their numbers."""
    parts = ["\n" * text.count("\n", 0, start)]
    while (opening := text.find("<!--", start)) >= 0:
        end = text.find("-->", opening)
        if end < 0:
            break
        parts += [text[start:opening], "\n" * text.count("\n", opening, end)]
        start = end + len("-->")
    return "".join([*parts, text[start:]])


def _texts(body: str) -> Iterator[_Text | Fault]:
    """Yield the texts in the file's order, and each SYNC without a time."""
    newlines = [match.start() for match in re.finditer("\n", body)]
    tags = list(islice(_TAG.finditer(body), _MAX_TAGS + 1))
    if len(tags) > _MAX_TAGS:
        raise BadSubtitlesError(Fault(line=1, reason=f"there are more than {MAX_CUES} cues"))
    ends = [*(tag.start() for tag in tags), len(body)][1:]
    start_ms: int | None = None
    end_ms: int | None = None
    for tag, end in zip(tags, ends, strict=True):
        shown = webvtt_text("sami", body[tag.end() : end], b"")
        class_name = ""
        if tag["name"].upper() == "SYNC":
            start_ms, end_ms = (_time(each, tag["attributes"]) for each in (_START, _END))
            if start_ms is None:
                line = bisect_right(newlines, tag.start()) + 1
                yield Fault(line=line, reason="a SYNC has no Start that can be read")
            if not shown and _is_followed_by_p(body, end):
                continue
        elif match := _CLASS.search(tag["attributes"]):
            class_name = match[1].lower()
        if start_ms is not None:
            yield _Text(start_ms=start_ms, end_ms=end_ms, class_name=class_name, text=shown)


def _is_followed_by_p(body: str, at: int) -> bool:
    tag = _TAG.match(body, at)
    return tag is not None and tag["name"].upper() == "P"


def _time(pattern: re.Pattern[str], attributes: str) -> int | None:
    match = pattern.search(attributes)
    return int(match[1]) if match else None


def _declared_languages(head: str) -> dict[str, str]:
    """Map classes to the languages that the file's styles declare."""
    found = {}
    for style in _STYLE.finditer(head):
        if language := _LANGUAGE.search(style[2]):
            found[style[1].lower()] = language[1].replace("_", "-")
    return found


def _choose_class(texts: Sequence[_Text], declared: dict[str, str], language: str) -> str:
    """Return the class of a language among those that show something."""
    names = list(dict.fromkeys(each.class_name for each in texts if each.text and each.class_name))
    if len(names) <= 1:
        return "".join(names)
    languages = {name: _tag_of(name, declared) for name in names}
    wanted = language.lower()
    for is_wanted in (wanted, wanted.partition("-")[0]):
        for name, found in languages.items():
            if is_wanted in {found, found.partition("-")[0]}:
                return name
    classes = ", ".join(f"{name.upper()} ({languages[name] or 'unknown'})" for name in names)
    reason = f"none of its classes is of the language {language}; they are {classes}"
    raise BadSubtitlesError(Fault(line=1, reason=reason))


def _tag_of(name: str, declared: dict[str, str]) -> str:
    """Return the language of a class, in small letters; empty where nothing says it."""
    conventional = _CONVENTIONAL.fullmatch(name)
    written = declared.get(name) or (conventional[1] if conventional else "")
    code, dash, rest = written.lower().partition("-")
    known = language_code(_COUNTRIES.get(code, code))
    return (language_tag(known) + dash + rest).lower() if known else ""


def _cues(ordered: Sequence[_Text]) -> Iterator[FileCue]:
    groups = [(at, list(some)) for at, some in groupby(ordered, key=lambda each: each.start_ms)]
    starts_ms = [at for at, _ in groups]
    after_ms = [start_ms + _LAST_MS for start_ms in starts_ms[-1:]]
    for (start_ms, some), next_ms in zip(groups, [*starts_ms[1:], *after_ms], strict=True):
        # A SYNC that is written twice for one time has both texts.
        text = "\n".join(dict.fromkeys(each.text for each in some if each.text))
        ends_ms = [each.end_ms for each in some if each.text and each.end_ms is not None]
        end_ms = min(next_ms, *ends_ms) if ends_ms else next_ms
        yield FileCue(start_ms=start_ms, end_ms=max(start_ms, end_ms), text=text)
