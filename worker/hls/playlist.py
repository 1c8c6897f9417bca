"""Renders HLS playlists (RFC 8216) from measured segments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from worker.hls.bit_rates import (
    BitRates,
    measure_bit_rates,
    round_half_up,
    segment_durations_s,
    target_duration_s,
)
from worker.hls.keyframes import KeyFrame, key_frames
from worker.hls.run import Run
from worker.layout import AUDIO, IFRAME_PLAYLIST, playlist_path, subtitle_segment_name
from worker.media.language import language_name, language_tag
from worker.plan.ladder import Rung
from worker.records.segment import Segment

SUBTITLES = "text"
_VERSION = 6
_INDEPENDENT = "#EXT-X-INDEPENDENT-SEGMENTS"


def render_media_playlist(segments: Sequence[Segment], target_s: int) -> str:
    """Render one rendition's media playlist; segments are named relative to it."""
    names = [_file_name(segment.name) for segment in segments]
    return _render(names, segment_durations_s(segments), target_s)


def render_iframe_playlist(frames: Sequence[KeyFrame]) -> str:
    """Render the playlist of a rung's key frames (section 4.3.3.6), for seeking at speed.

    Each is a range of its segment, tables included, and stays until the next.
    """
    return _render(
        [_file_name(frame.name) for frame in frames],
        segment_durations_s(frames),
        target_duration_s([frames]),
        key_bytes=[frame.bytes for frame in frames],
    )


def render_text_playlist(durations_s: Sequence[Fraction]) -> str:
    """Render the media playlist of a subtitle rendition."""
    names = [subtitle_segment_name(i) for i in range(len(durations_s))]
    return _render(names, durations_s, max(1, *map(round_half_up, durations_s)))


def render_master_playlist(run: Run) -> str:
    """Render the multivariant playlist that names one run, the largest rung first.

    With audio, an audio-only variant closes the list of variants.
    """
    target_s = target_duration_s(run.renditions.values())
    audio_rates = measure_bit_rates(run.audio, target_s) if run.audio else None
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        _INDEPENDENT,
        *_audio_rendition(run),
        *_subtitle_renditions(run),
        *(line for rung in run.rungs for line in _variant(run, rung, target_s, audio_rates)),
        *_audio_variant(run, audio_rates),
        *_iframe_variants(run),
        "",
    ]
    return "\n".join(lines)


def _audio_rendition(run: Run) -> Iterator[str]:
    source, plan = run.plan.media.audio, run.plan.audio
    if run.audio and plan and source:
        yield _media_tag(
            "AUDIO",
            group=AUDIO,
            name=(source.language and language_name(source.language)) or "Audio",
            code=source.language,
            uri=playlist_path(run.name, AUDIO),
            is_default=True,
            CHANNELS=f'"{plan.channels}"',
        )


def _subtitle_renditions(run: Run) -> Iterator[str]:
    taken: set[str] = set()
    for text in run.plan.texts:
        if text.name not in run.texts:
            continue
        code = text.stream.language
        name = text.stream.title or (code and language_name(code)) or "Subtitles"
        if name in taken:
            # A group's names differ (section 4.3.4.1.1).
            name = f"{name} ({text.name})"
        taken.add(name)
        yield _media_tag(
            "SUBTITLES",
            group=SUBTITLES,
            name=name,
            code=code,
            uri=playlist_path(run.name, text.name),
            is_default=False,
            FORCED="YES" if text.stream.is_forced else "NO",
        )


def _variant(run: Run, rung: Rung, target_s: int, audio_rates: BitRates | None) -> tuple[str, str]:
    segments = run.renditions[rung.name]
    rates = measure_bit_rates(segments, target_s)
    codecs = [segments[0].codec, *(segment.codec for segment in run.audio[:1])]
    tag = _stream_tag(
        run,
        rates + audio_rates if audio_rates else rates,
        codecs,
        RESOLUTION=f"{rung.width}x{rung.height}",
        FRAME_RATE=f"{float(run.plan.grid.rate):.3f}",
    )
    return tag, playlist_path(run.name, rung.name)


def _audio_variant(run: Run, rates: BitRates | None) -> tuple[str, ...]:
    if rates is None:
        return ()
    return _stream_tag(run, rates, [run.audio[0].codec]), playlist_path(run.name, AUDIO)


def _iframe_variants(run: Run) -> Iterator[str]:
    for rung in run.rungs:
        frames = key_frames(run.renditions[rung.name])
        if not frames:
            continue
        rates = measure_bit_rates(frames, target_duration_s([frames]))
        yield _tag(
            "EXT-X-I-FRAME-STREAM-INF",
            BANDWIDTH=rates.peak_bps,
            AVERAGE_BANDWIDTH=rates.average_bps,
            CODECS=f'"{frames[0].codec}"',
            RESOLUTION=f"{rung.width}x{rung.height}",
            URI=f'"{playlist_path(run.name, rung.name, IFRAME_PLAYLIST)}"',
        )


def _stream_tag(run: Run, rates: BitRates, codecs: Sequence[str], **attributes: str) -> str:
    return _tag(
        "EXT-X-STREAM-INF",
        BANDWIDTH=rates.peak_bps,
        AVERAGE_BANDWIDTH=rates.average_bps,
        CODECS=f'"{",".join(codecs)}"',
        **attributes,
        AUDIO=f'"{AUDIO}"' if run.audio else None,
        SUBTITLES=f'"{SUBTITLES}"' if run.texts else None,
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


def _render(
    names: Sequence[str],
    durations_s: Sequence[Fraction],
    target_s: int,
    *,
    key_bytes: Sequence[int] = (),
) -> str:
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        _INDEPENDENT,
    ]
    if key_bytes:
        lines.append("#EXT-X-I-FRAMES-ONLY")
    extinf = _Extinf()
    for i, (name, duration) in enumerate(zip(names, durations_s, strict=True)):
        lines.append(extinf.render(duration))
        if key_bytes:
            lines.append(f"#EXT-X-BYTERANGE:{key_bytes[i]}@0")
        lines.append(name)
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


class _Extinf:
    """Renders durations to the microsecond without letting their rounding add up."""

    def __init__(self) -> None:
        self._exact_s = Fraction(0)
        self._rendered_us = 0

    def render(self, duration_s: Fraction) -> str:
        self._exact_s += duration_s
        step_us = round(self._exact_s * 1_000_000) - self._rendered_us
        self._rendered_us += step_us
        return f"#EXTINF:{step_us // 1_000_000}.{step_us % 1_000_000:06d},"


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _tag(name: str, **attributes: str | int | None) -> str:
    given = ((k.replace("_", "-"), v) for k, v in attributes.items() if v is not None)
    return f"#{name}:" + ",".join(f"{key}={value}" for key, value in given)
