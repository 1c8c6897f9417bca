"""A run: one version of a video, published below a name of its own. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from worker.hls.encryption import CLEAR, SegmentCipher
from worker.layout import AUDIO, outside_name
from worker.media.language import language_tag
from worker.plan.ladder import Rung
from worker.plan.plan import Plan
from worker.plan.texts import TextPlan
from worker.records.segment import Segment


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRendition:
    """A rendition of subtitles and its WebVTT segments.

    `language` is a code, as the upload or the job names it; `title` its name in the upload.
    """

    name: str
    language: str | None
    title: str | None
    is_forced: bool
    segments: Sequence[str]

    @classmethod
    def of(cls, text: TextPlan, *, segments: Sequence[str]) -> TextRendition:
        """Make a rendition of the upload's own subtitles."""
        stream = text.stream
        return cls(
            name=text.name,
            language=stream.language,
            title=stream.title,
            is_forced=stream.is_forced,
            segments=segments,
        )

    @classmethod
    def from_outside(cls, language: str, *, segments: Sequence[str]) -> TextRendition:
        """Make a rendition of a file beside the upload."""
        return cls(
            name=outside_name(language),
            language=language,
            title=None,
            is_forced=False,
            segments=segments,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What was made of a plan.

    `renditions` maps rungs and audio to their segments, in order; rungs of the plan that are not
    among them were given up. `texts` are no part of what names the run: some come from outside.
    `cipher` encrypted the segments.
    """

    name: str
    plan: Plan
    renditions: Mapping[str, Sequence[Segment]]
    texts: Sequence[TextRendition] = ()
    cipher: SegmentCipher = CLEAR

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs that were made, the largest first."""
        return tuple(rung for rung in self.plan.rungs if rung.name in self.renditions)

    @property
    def missing_rungs(self) -> tuple[str, ...]:
        """Names of the rungs that were given up."""
        return tuple(rung.name for rung in self.plan.rungs if rung.name not in self.renditions)

    @property
    def audio(self) -> Sequence[Segment]:
        """The segments of the audio; none where there is no audio."""
        return self.renditions.get(AUDIO, ())


def without_replaced(texts: Sequence[TextPlan], languages: Collection[str]) -> tuple[TextPlan, ...]:
    """Leave out the upload's own subtitles in whose languages there are others from outside.

    A forced track stays: it translates what is said in another language than the audio's.
    """
    tags = {language.lower() for language in languages}
    return tuple(
        text
        for text in texts
        if text.stream.is_forced
        or text.stream.language is None
        or language_tag(text.stream.language).lower() not in tags
    )
