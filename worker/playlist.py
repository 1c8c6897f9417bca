"""Renders HLS playlists (RFC 8216) from measured segments. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from worker.language import language_name, language_tag
from worker.plan import AUDIO, Plan
from worker.segment import Segment
from worker.transport_stream import CLOCK_HZ

MASTER = "master.m3u8"
MEDIA_PLAYLIST = "index.m3u8"
IFRAME_PLAYLIST = "iframes.m3u8"
SUBTITLES = "text"
_VERSION = 6
_INDEPENDENT = "#EXT-X-INDEPENDENT-SEGMENTS"


@dataclass(frozen=True, kw_only=True, slots=True)
class BitRates:
    """Measured rates of a rendition, TS overhead included: bits per second of its playing time."""

    peak_bps: int
    average_bps: int


def segment_durations_s(segments: Sequence[Segment]) -> tuple[Fraction, ...]:
    """Return how long each segment plays: until the next one starts, the last until its own end.

    What lies before the timeline's zero (the AAC encoder's priming) is not played.
    """
    starts = [max(0, segment.start_ticks) for segment in segments]
    ends = [*starts[1:], segments[-1].end_ticks] if segments else []
    return tuple(Fraction(end - start, CLOCK_HZ) for start, end in zip(starts, ends, strict=True))


def target_duration_s(renditions: Iterable[Sequence[Segment]]) -> int:
    """Return EXT-X-TARGETDURATION: each EXTINF, rounded, is at most this (section 4.3.3.1).

    The rungs and the sound of a presentation have the same; subtitles and key pictures may have
    their own (section 6.2.4).
    """
    return max([1, *(_round_half_up(d) for some in renditions for d in segment_durations_s(some))])


def measure_bit_rates(segments: Sequence[Segment], target_s: int) -> BitRates:
    """Measure average and peak rate.

    The peak is the highest rate over any run of segments that lasts 0.5 to 1.5 target durations
    (RFC 8216, section 4.1).
    """
    durations = segment_durations_s(segments)
    peak = Fraction(0)
    for first in range(len(segments)):
        run_s, run_bits = Fraction(0), 0
        for segment, duration in zip(segments[first:], durations[first:], strict=True):
            run_s += duration
            run_bits += 8 * segment.bytes
            if run_s > Fraction(3, 2) * target_s:
                break
            if run_s >= Fraction(1, 2) * target_s:
                peak = max(peak, run_bits / run_s)
    total_bits = 8 * sum(segment.bytes for segment in segments)
    average = total_bits / sum(durations, Fraction(0))
    # A rendition shorter than half its target has no run that counts: its average is its peak.
    return BitRates(peak_bps=_ceil(max(peak, average)), average_bps=_ceil(average))


def render_media_playlist(segments: Sequence[Segment], target_s: int) -> str:
    """Render one rendition's media playlist; segments are named relative to it."""
    return _render(_names(segments), segment_durations_s(segments), target_s)


def key_pictures(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the segments of a rung cut down to their first pictures; none where one is unknown."""
    cut = tuple(replace(s, bytes=s.key_bytes) for s in segments if s.key_bytes)
    return cut if len(cut) == len(segments) else ()


def render_iframe_playlist(pictures: Sequence[Segment]) -> str:
    """Render the playlist of a rung's key pictures (section 4.3.3.6), for seeking at speed.

    Each is a range of its segment, tables included, and stays until the next.
    """
    return _render(
        _names(pictures),
        segment_durations_s(pictures),
        target_duration_s([pictures]),
        key_bytes=[picture.bytes for picture in pictures],
    )


def render_text_playlist(durations_s: Sequence[Fraction]) -> str:
    """Render the media playlist of a subtitle rendition."""
    names = [text_segment_name(i) for i in range(len(durations_s))]
    return _render(names, durations_s, max(1, *map(_round_half_up, durations_s)))


def text_segment_name(index: int) -> str:
    """Name a segment of a subtitle rendition within its folder."""
    return f"{index:05d}.vtt"


def _names(segments: Sequence[Segment]) -> list[str]:
    return [segment.name.rpartition("/")[2] for segment in segments]


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
    clock = _ExtinfClock()
    for i, (name, duration) in enumerate(zip(names, durations_s, strict=True)):
        lines.append(f"#EXTINF:{clock.tell(duration)},")
        if key_bytes:
            lines.append(f"#EXT-X-BYTERANGE:{key_bytes[i]}@0")
        lines.append(name)
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def render_master_playlist(
    plan: Plan,
    run: str,
    renditions: Mapping[str, Sequence[Segment]],
    texts: Collection[str] = (),
) -> str:
    """Render the multivariant playlist that names one run, the largest rung first.

    Only rungs in `renditions` and subtitles in `texts` are listed. With sound, an audio-only
    variant closes the list.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", _INDEPENDENT]
    target_s = target_duration_s(renditions.values())
    sound = renditions.get(AUDIO)
    sound_rates = measure_bit_rates(sound, target_s) if sound else None
    if sound and plan.audio and plan.media.audio:
        code = plan.media.audio.language
        lines.append(
            _media_tag(
                "AUDIO",
                group=AUDIO,
                name=(code and language_name(code)) or "Audio",
                code=code,
                uri=_playlist_path(run, AUDIO),
                is_default=True,
                CHANNELS=f'"{plan.audio.channels}"',
            )
        )
    lines += _subtitles(plan, run, texts)
    subtitles = f'"{SUBTITLES}"' if texts else None
    for rung in plan.rungs:
        if rung.name not in renditions:
            continue
        segments = renditions[rung.name]
        rates = measure_bit_rates(segments, target_s)
        codecs = [segments[0].codec, *([sound[0].codec] if sound else [])]
        lines += [
            _tag(
                "EXT-X-STREAM-INF",
                BANDWIDTH=rates.peak_bps + (sound_rates.peak_bps if sound_rates else 0),
                AVERAGE_BANDWIDTH=rates.average_bps
                + (sound_rates.average_bps if sound_rates else 0),
                CODECS=f'"{",".join(codecs)}"',
                RESOLUTION=f"{rung.width}x{rung.height}",
                FRAME_RATE=f"{float(plan.grid.rate):.3f}",
                AUDIO=f'"{AUDIO}"' if sound else None,
                SUBTITLES=subtitles,
            ),
            _playlist_path(run, rung.name),
        ]
    if sound and sound_rates:
        lines += [
            _tag(
                "EXT-X-STREAM-INF",
                BANDWIDTH=sound_rates.peak_bps,
                AVERAGE_BANDWIDTH=sound_rates.average_bps,
                CODECS=f'"{sound[0].codec}"',
                AUDIO=f'"{AUDIO}"',
                SUBTITLES=subtitles,
            ),
            _playlist_path(run, AUDIO),
        ]
    lines += _iframe_streams(plan, run, renditions)
    return "\n".join([*lines, ""])


def _iframe_streams(
    plan: Plan, run: str, renditions: Mapping[str, Sequence[Segment]]
) -> Iterator[str]:
    for rung in plan.rungs:
        pictures = key_pictures(renditions.get(rung.name, ()))
        if not pictures:
            continue
        rates = measure_bit_rates(pictures, target_duration_s([pictures]))
        yield _tag(
            "EXT-X-I-FRAME-STREAM-INF",
            BANDWIDTH=rates.peak_bps,
            AVERAGE_BANDWIDTH=rates.average_bps,
            CODECS=f'"{pictures[0].codec}"',
            RESOLUTION=f"{rung.width}x{rung.height}",
            URI=f'"{run}/{rung.name}/{IFRAME_PLAYLIST}"',
        )


def _subtitles(plan: Plan, run: str, texts: Collection[str]) -> list[str]:
    lines: list[str] = []
    taken: set[str] = set()
    for text in plan.texts:
        if text.name not in texts:
            continue
        code = text.stream.language
        name = text.stream.title or (code and language_name(code)) or "Subtitles"
        if name in taken:
            # A group's names differ (section 4.3.4.1.1).
            name = f"{name} ({text.name})"
        taken.add(name)
        lines.append(
            _media_tag(
                "SUBTITLES",
                group=SUBTITLES,
                name=name,
                code=code,
                uri=_playlist_path(run, text.name),
                is_default=False,
                FORCED="YES" if text.stream.is_forced else "NO",
            )
        )
    return lines


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


class _ExtinfClock:
    """Writes durations to the microsecond without letting their rounding add up."""

    def __init__(self) -> None:
        self._exact_s = Fraction(0)
        self._told_us = 0

    def tell(self, duration_s: Fraction) -> str:
        self._exact_s += duration_s
        step_us = round(self._exact_s * 1_000_000) - self._told_us
        self._told_us += step_us
        return f"{step_us // 1_000_000}.{step_us % 1_000_000:06d}"


def _playlist_path(run: str, rendition: str) -> str:
    return f"{run}/{rendition}/{MEDIA_PLAYLIST}"


def _tag(name: str, **attributes: str | int | None) -> str:
    given = ((k.replace("_", "-"), v) for k, v in attributes.items() if v is not None)
    return f"#{name}:" + ",".join(f"{key}={value}" for key, value in given)


def _round_half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _ceil(value: Fraction) -> int:
    return -int(-value // 1)
