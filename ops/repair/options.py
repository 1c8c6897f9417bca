"""Finds the options with which a video was made: those whose digest is the one in its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import combinations, product

from worker.config.job import Job
from worker.config.option import GivenBy, join_values, options_of
from worker.config.values import KEY_ID
from worker.hls.keys import fingerprint_in
from worker.layout import AUDIO, is_outside
from worker.plan.digest import PLAN_VERSION, request_digest
from worker.records.manifest import ManifestRecord

_LOCATIONS = {"source": "/source", "destination": "/destination"}
_DEFAULTS = Job.model_validate(_LOCATIONS)

Options = dict[str, str]

# What a video may have been made with, and does not show.
_GUESSES: Mapping[str, tuple[str, ...]] = {
    "chapters": ("true",),
    "captions": ("off",),
    "copy_top": ("always", "never"),
    "allow_truncated": ("true",),
    "max_frame_rate": ("60", "25", "24", "50"),
    "segment_s": ("6", "4", "2", "10", "3", "5", "8"),
    "loudness": ("-16", "-14", "-18", "-23", "-24"),
    "speech": ("clean",),
    "audio_language": ("ko", "kor", "en", "eng"),
}
_LADDERS = ("1080,720,480", "1080,720", "720,480", "1080", "720", "480", "1080,720,480,360")
# Of what a video shows, the first.
_LIKELY = 2
# Of the worker's plans: an older one named its requests otherwise.
_VERSIONS = tuple(range(PLAN_VERSION, 0, -1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Options by the names of `Job`'s fields. `is_proven`: the same request is made of them.

    `lacks_subtitles`: the video has some from outside, and no record says where those files are.
    """

    options: Options
    is_proven: bool
    lacks_subtitles: bool


def find_options(manifest: ManifestRecord, master: str, given: Mapping[str, str]) -> Found:
    """Find the options of a published video.

    Those that it shows (encryption, layout of the audio, rungs, chapters) are tried with others
    until their digest is that of the manifest; `given` ones are taken as they are. Those of which
    the job definition may have another default are returned in any case.
    """
    has_outside = any(is_outside(each.name) for each in manifest.renditions)
    lacks_subtitles = has_outside and "subtitles" not in given
    wanted = manifest.video_request or (None if has_outside else manifest.request)
    shown = [each | dict(given) for each in _shown(manifest, master)]
    for options in _candidates(shown, given):
        if any(digest == wanted for digest in _digests(manifest, options)):
            return Found(
                options=_whole(options, manifest),
                is_proven=not lacks_subtitles,
                lacks_subtitles=lacks_subtitles,
            )
    return Found(
        options=_whole(shown[0], manifest), is_proven=False, lacks_subtitles=lacks_subtitles
    )


def _shown(manifest: ManifestRecord, master: str) -> list[Options]:
    """Return what a video shows of its options, the likeliest first."""
    shown: Options = {}
    kinds = {each.kind for each in manifest.renditions}
    # Neither without audio, nor of audio alone, does anything show the layout that was asked for.
    has_audio = {"audio", "video"} <= kinds
    if "video" not in kinds:
        shown["audio_only"] = "allow"
    is_muxed = has_audio and f'GROUP-ID="{AUDIO}"' not in master and bool(master)
    layouts = (("muxed",) if is_muxed else ("separate",)) if master else ("separate", "muxed")
    layouts = layouts if has_audio else ("separate", "muxed")
    # Joints of parts have chapters in any case.
    if manifest.chapters_track and not manifest.parts:
        shown["chapters"] = "true"
    if manifest.downloads:
        shown["download"] = join_values(download.format for download in manifest.downloads)
    if clip := manifest.clip:
        shown["from_s"] = _seconds(clip.start_s)
        if clip.end_s is not None:
            shown["to_s"] = _seconds(clip.end_s)
    if encryption := manifest.encryption:
        shown["encrypt"] = "true"
        shown["key_uri"] = encryption.key_uri.replace(encryption.key_id, KEY_ID)
    heights = [min(r.width, r.height) for r in manifest.renditions if r.width and r.height]
    missing = [
        int(name.removesuffix("p")) for name in manifest.missing_rungs if name[:-1].isdigit()
    ]
    own = ",".join(map(str, sorted({*heights, *missing}, reverse=True)))
    ladders = dict.fromkeys(("auto", own, *_LADDERS) if own else ("auto", *_LADDERS))
    return [
        {"ladder": ladder, "audio": layout} | shown for ladder, layout in product(ladders, layouts)
    ]


def _seconds(value: float) -> str:
    """Write seconds as they were given: without an exponent, and with no digit that was not."""
    return format(Decimal(repr(value)), "f")


def _candidates(shown: Sequence[Options], given: Mapping[str, str]) -> Iterator[Options]:
    """Yield what a video shows with no guess, then one; then the likeliest with two."""
    singles = [
        (field, value)
        for field, values in _GUESSES.items()
        if field not in given
        for value in values
    ]
    likely = shown[:_LIKELY]
    for count, some in ((0, shown), (1, shown), (2, likely)):
        for guesses in combinations(singles, count):
            if len({field for field, _ in guesses}) == count:
                yield from (each | dict(guesses) for each in some)


def _digests(manifest: ManifestRecord, options: Options) -> Iterator[str]:
    """Yield the digests of a request with these options, as each version of the worker makes it."""
    values = {field: value for field, value in options.items() if field not in {"subtitles", "tag"}}
    job = Job.model_validate({"source": "/source", "destination": "/destination", **values})
    encryption = manifest.encryption
    fingerprint = fingerprint_in(encryption.key_id) if encryption else None
    for version in _VERSIONS:
        yield request_digest(
            manifest.source_identity, job, fingerprint=fingerprint, version=version
        )


@cache
def _read_value(field: str, value: str) -> object:
    """Read a value as the worker does; thousands of combinations are of a few values."""
    return getattr(Job.model_validate({**_LOCATIONS, field: value}), field)


def _whole(options: Options, manifest: ManifestRecord) -> Options:
    """Add what the job definition may have otherwise, and the tags that callbacks repeat."""
    defaults = {
        option.field: option.default
        for option in options_of(Job)
        if option.changes_output and option.given_by is GivenBy.PARAMETER
    }
    pairs = [f"{key}={value}" for key, value in manifest.tags.items()]
    tags = {"tag": join_values(pairs)} if pairs else {}
    return defaults | tags | options
