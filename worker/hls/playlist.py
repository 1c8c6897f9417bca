"""Renders the media playlists of a run (RFC 8216) from measured segments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from worker.hls.bit_rates import segment_durations_s, target_duration_s
from worker.hls.encryption import METHOD, RunKey
from worker.hls.keyframes import KeyFrame, ranged_key_frames
from worker.hls.run import Run, TextRendition
from worker.hls.webvtt import segment_lengths_s
from worker.layout import (
    IFRAME_PLAYLIST,
    MEDIA_PLAYLIST,
    File,
    file_name,
    playlist_file,
    subtitle_file,
)
from worker.media.timeline import Grid, round_half_up
from worker.records.segment import Segment

VERSION = 6
INDEPENDENT = "#EXT-X-INDEPENDENT-SEGMENTS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Playlists:
    """A run's media playlists, and the subtitle segments that they name, by rendition."""

    media: Mapping[str, File]
    iframes: Mapping[str, File]
    subtitles: Mapping[str, Sequence[File]]

    def files(self) -> Iterator[File]:
        """Yield all of them."""
        yield from self.media.values()
        yield from self.iframes.values()
        for segments in self.subtitles.values():
            yield from segments

    def of(self, rendition: str) -> tuple[File, ...]:
        """Return the playlists of one rendition."""
        found = (self.media[rendition], self.iframes.get(rendition))
        return tuple(file for file in found if file)


def render_playlists(run: Run) -> Playlists:
    """Render what names the segments of a run; the names of playlists depend on their content."""
    target_s = target_duration_s(run.renditions.values())
    media, iframes = {}, {}
    for name, segments in run.renditions.items():
        text = render_media_playlist(segments, target_s, run.cipher.key)
        media[name] = playlist_file(run.name, name, MEDIA_PLAYLIST, text)
        if frames := ranged_key_frames(segments):
            text = render_iframe_playlist(frames)
            iframes[name] = playlist_file(run.name, name, IFRAME_PLAYLIST, text)
    texts = render_text_playlists(run.name, run.texts, run.plan.grid)
    return Playlists(media={**media, **texts.media}, iframes=iframes, subtitles=texts.subtitles)


def render_text_playlists(run: str, texts: Sequence[TextRendition], grid: Grid) -> Playlists:
    """Render what names the segments of a run's subtitles, and those segments."""
    media, subtitles = {}, {}
    lengths_s = segment_lengths_s(grid)
    for rendition in texts:
        name = rendition.name
        files = [subtitle_file(run, name, i, text) for i, text in enumerate(rendition.segments)]
        text = render_text_playlist([file.key for file in files], lengths_s)
        media[name] = playlist_file(run, name, MEDIA_PLAYLIST, text)
        subtitles[name] = files
    return Playlists(media=media, iframes={}, subtitles=subtitles)


def render_media_playlist(
    segments: Sequence[Segment], target_s: int, key: RunKey | None = None
) -> str:
    """Render one rendition's media playlist; segments are named relative to it."""
    return _render(
        [segment.name for segment in segments],
        segment_durations_s(segments),
        target_s,
        key_tags=[_key_tag(key, segment) for segment in segments] if key else (),
    )


def _key_tag(key: RunKey, segment: Segment) -> str:
    return f'#EXT-X-KEY:METHOD={METHOD},URI="{key.uri}",IV=0x{segment.iv}'


def render_iframe_playlist(frames: Sequence[KeyFrame]) -> str:
    """Render the playlist of a rung's key frames (section 4.3.3.6), for seeking at speed.

    Each is a range of its segment, tables included, and stays until the next.
    """
    return _render(
        [frame.name for frame in frames],
        segment_durations_s(frames),
        target_duration_s([frames]),
        key_bytes=[frame.bytes for frame in frames],
    )


def render_text_playlist(keys: Sequence[str], durations_s: Sequence[Fraction]) -> str:
    """Render the media playlist of a subtitle rendition."""
    return _render(keys, durations_s, max(1, *map(round_half_up, durations_s)))


def _render(
    keys: Sequence[str],
    durations_s: Sequence[Fraction],
    target_s: int,
    *,
    key_bytes: Sequence[int] = (),
    key_tags: Sequence[str] = (),
) -> str:
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        INDEPENDENT,
    ]
    if key_bytes:
        lines.append("#EXT-X-I-FRAMES-ONLY")
    extinf = _Extinf()
    for i, (key, duration) in enumerate(zip(keys, durations_s, strict=True)):
        if key_tags:
            lines.append(key_tags[i])
        lines.append(extinf.render(duration))
        if key_bytes:
            lines.append(f"#EXT-X-BYTERANGE:{key_bytes[i]}@0")
        lines.append(file_name(key))
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
