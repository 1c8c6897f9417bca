"""Renders a run's master playlist (RFC 8216, section 4.3.4), and reads what one names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from worker.hls.bit_rates import BitRates, measure_bit_rates, target_duration_s
from worker.hls.keyframes import ranged_key_frames
from worker.hls.playlist import INDEPENDENT, VERSION, Playlists
from worker.hls.run import Run, TextRendition
from worker.layout import AUDIO, is_run_name
from worker.media.language import language_name, language_tag
from worker.plan.ladder import Rung

SUBTITLES = "text"
_GROUP = f'"{SUBTITLES}"'
_SUBTITLES_TAG = "#EXT-X-MEDIA:TYPE=SUBTITLES,"
_VARIANT_TAG = "#EXT-X-STREAM-INF:"
_URI = re.compile(r"^(?!#)(?P<line>.+)$|^#EXT.*[:,]URI=\"(?P<attribute>[^\"]+)\"", re.MULTILINE)


def uris(playlist: str) -> Iterator[str]:
    """Yield all that a playlist names: lines of their own, and URI attributes of tags."""
    for match in _URI.finditer(playlist):
        yield (match["line"] or match["attribute"]).strip()


def named_run(master: str) -> str | None:
    """Return the run whose playlists a master playlist names; None where it is no worker's."""
    runs = {uri.partition("/")[0] for uri in uris(master)}
    run = runs.pop() if len(runs) == 1 else ""
    # What is outdated is deleted, and nobody else's folder is.
    return run if is_run_name(run) else None


def render_master_playlist(run: Run, playlists: Playlists) -> str:
    """Render the multivariant playlist that names one run, the largest rung first.

    With audio, an audio-only variant closes the list of variants. Of audio alone it is the only
    one, and its playlist that of the audio: there is no rendition group to choose from.
    """
    target_s = target_duration_s(run.renditions.values())
    audio_rates = measure_bit_rates(run.audio, target_s) if run.audio else None
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        INDEPENDENT,
        *_audio_rendition(run, playlists),
        *_subtitle_renditions(
            run.texts, {text.name: playlists.media[text.name].key for text in run.texts}
        ),
        *(
            line
            for rung in run.rungs
            for line in _variant(run, rung, playlists, target_s, audio_rates)
        ),
        *_audio_variant(run, playlists, audio_rates),
        *_iframe_variants(run, playlists),
        "",
    ]
    return "\n".join(lines)


def replace_subtitles(master: str, texts: Sequence[TextRendition], keys: Mapping[str, str]) -> str:
    """Return a master playlist with other subtitles, as if it were rendered with them.

    `keys` maps their names to their playlists.
    """
    lines = [line for line in master.split("\n") if not line.startswith(_SUBTITLES_TAG)]
    variants_at = (i for i, line in enumerate(lines) if line.startswith(_VARIANT_TAG))
    first = next(variants_at, len(lines))
    attribute = f",SUBTITLES={_GROUP}" if texts else ""
    variants = (
        _with_subtitles(line, attribute) if line.startswith(_VARIANT_TAG) else line
        for line in lines[first:]
    )
    return "\n".join([*lines[:first], *_subtitle_renditions(texts, keys), *variants])


def _with_subtitles(tag: str, attribute: str) -> str:
    end = ",CLOSED-CAPTIONS=NONE"
    bare = tag.replace(f",SUBTITLES={_GROUP}", "").removesuffix(end)
    return f"{bare}{attribute}{end}"


def _audio_rendition(run: Run, playlists: Playlists) -> Iterator[str]:
    tracks = (part.media.audio for part in run.plan.parts)
    source, plan = next(filter(None, tracks), None), run.plan.audio
    if _has_group(run) and plan and source:
        yield _media_tag(
            "AUDIO",
            group=AUDIO,
            name=(source.language and language_name(source.language)) or "Audio",
            code=source.language,
            uri=playlists.media[AUDIO].key,
            is_default=True,
            CHANNELS=f'"{plan.channels}"',
        )


def _has_group(run: Run) -> bool:
    """Whether the audio is a rendition beside the rungs: neither within them nor alone."""
    return bool(run.audio and run.rungs) and not run.plan.is_muxed


def _subtitle_renditions(texts: Sequence[TextRendition], keys: Mapping[str, str]) -> Iterator[str]:
    """Render their tags; `keys` maps their names to their playlists."""
    taken: set[str] = set()
    for text in texts:
        code = text.language
        name = text.title or (code and language_name(code)) or "Subtitles"
        if name in taken:
            # A group's names differ (section 4.3.4.1.1).
            name = f"{name} ({text.name})"
        taken.add(name)
        yield _media_tag(
            "SUBTITLES",
            group=SUBTITLES,
            name=name,
            code=code,
            uri=keys[text.name],
            is_default=False,
            FORCED="YES" if text.is_forced else "NO",
        )


def _variant(
    run: Run, rung: Rung, playlists: Playlists, target_s: int, audio_rates: BitRates | None
) -> tuple[str, str]:
    segments = run.renditions[rung.name]
    rates = measure_bit_rates(segments, target_s)
    codecs = [segments[0].codec, *(segment.codec for segment in run.audio[:1])]
    is_muxed = run.plan.is_muxed
    tag = _stream_tag(
        run,
        rates + audio_rates if audio_rates and not is_muxed else rates,
        codecs,
        RESOLUTION=f"{rung.width}x{rung.height}",
        FRAME_RATE=f"{float(run.plan.grid.rate):.3f}",
    )
    return tag, playlists.media[rung.name].key


def _audio_variant(run: Run, playlists: Playlists, rates: BitRates | None) -> tuple[str, ...]:
    if rates is None:
        return ()
    return _stream_tag(run, rates, [run.audio[0].codec]), playlists.media[AUDIO].key


def _iframe_variants(run: Run, playlists: Playlists) -> Iterator[str]:
    for rung in run.rungs:
        frames = ranged_key_frames(run.renditions[rung.name])
        if not frames:
            continue
        rates = measure_bit_rates(frames, target_duration_s([frames]))
        yield _tag(
            "EXT-X-I-FRAME-STREAM-INF",
            BANDWIDTH=rates.peak_bps,
            AVERAGE_BANDWIDTH=rates.average_bps,
            CODECS=f'"{frames[0].codec}"',
            RESOLUTION=f"{rung.width}x{rung.height}",
            URI=f'"{playlists.iframes[rung.name].key}"',
        )


def _stream_tag(run: Run, rates: BitRates, codecs: Sequence[str], **attributes: str) -> str:
    return _tag(
        "EXT-X-STREAM-INF",
        BANDWIDTH=rates.peak_bps,
        AVERAGE_BANDWIDTH=rates.average_bps,
        CODECS=f'"{",".join(codecs)}"',
        **attributes,
        AUDIO=f'"{AUDIO}"' if _has_group(run) else None,
        SUBTITLES=_GROUP if run.texts else None,
        # Or players list captions that may be in the frames; each that was is a text rendition.
        CLOSED_CAPTIONS="NONE",
    )


def _media_tag(
    kind: str,
    *,
    group: str,
    name: str,
    code: str | None,
    uri: str,
    is_default: bool,
    **attributes: str,
) -> str:
    """Render an alternative rendition; `code` is its language as the upload has it."""
    return _tag(
        "EXT-X-MEDIA",
        TYPE=kind,
        GROUP_ID=f'"{group}"',
        NAME=f'"{name}"',
        LANGUAGE=f'"{language_tag(code)}"' if code else None,
        DEFAULT="YES" if is_default else "NO",
        AUTOSELECT="YES",
        **attributes,
        URI=f'"{uri}"',
    )


def _tag(name: str, **attributes: str | int | None) -> str:
    given = ((k.replace("_", "-"), v) for k, v in attributes.items() if v is not None)
    return f"#{name}:" + ",".join(f"{key}={value}" for key, value in given)
