"""Which text renditions a run has: the tracks of its parts, those of one kind in a row. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from worker.media.language import language_tag
from worker.media.streams import CAPTIONS, TextStream

_Kind = tuple[str | None, bool, bool, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPlan:
    """A rendition of subtitles, as WebVTT.

    Where several parts are joined, `tracks` are those of each: None where one has none of the kind.
    """

    name: str
    stream: TextStream
    tracks: tuple[TextStream | None, ...] = ()

    def track(self, part: int) -> TextStream | None:
        """Return the track of a part."""
        return self.tracks[part] if self.tracks else self.stream


def plan_texts(parts: Sequence[Sequence[TextStream]]) -> tuple[TextPlan, ...]:
    """Plan the text renditions, in the order in which the parts have their tracks."""
    if len(parts) == 1:
        return tuple(TextPlan(name=f"text{i}", stream=text) for i, text in enumerate(parts[0]))
    kinds: dict[_Kind, list[TextStream | None]] = {}
    for number, texts in enumerate(parts):
        for kind, text in _by_kind(texts):
            kinds.setdefault(kind, [None] * len(parts))[number] = text
    return tuple(
        TextPlan(
            name=f"text{i}",
            stream=next(track for track in tracks if track is not None),
            tracks=tuple(tracks),
        )
        for i, tracks in enumerate(kinds.values())
    )


def _by_kind(texts: Sequence[TextStream]) -> Iterator[tuple[_Kind, TextStream]]:
    """Yield tracks with that by which those of another part go on with them.

    That is the language, whether it is forced, whether it is of captions in the frames, and the
    number among those that are the same in all that.
    """
    seen: Counter[tuple[str | None, bool, bool]] = Counter()
    for text in texts:
        language = language_tag(text.language) if text.language else None
        alike = (language, text.is_forced, text.codec == CAPTIONS)
        yield (*alike, seen[alike]), text
        seen[alike] += 1
