"""Compares what was published with what was uploaded: faults in words, and the figures found."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from tests.corpus.content import offset_faults, video_faults
from tests.corpus.figures import Figures
from tests.corpus.output import CLOCK_HZ, Output, Track
from tests.corpus.source import Source
from tests.functional.hls import AAC_FRAME_S

# Where the timeline starts in the segments.
START_S = 10
# Ticks and EXTINF are rounded.
_TICKS_TOLERANCE = 9
_ROUNDING_TICKS = 1
_DURATION_TOLERANCE_S = 0.05
_SHAPE_TOLERANCE = 0.02
_ROUNDING_PX = 2
# Limited range, BT.709 primaries, transfer and matrix (Rec. ITU-T H.273).
_COLOR = (1, 1, 1, 1)
# The rates of shorter segments do not show what a player must sustain.
_LEAST_RATED_S = 3


def check_published(source: Source, output: Output) -> tuple[list[str], Figures]:
    """Compare a published folder with the upload."""
    top = output.rungs[0]
    figures = Figures(
        duration_s=output.duration_s,
        frame_s=float(top.frame_s),
        width=top.form["width"],
        height=top.form["height"],
        has_audio=output.audio is not None,
    )
    if source.frames is None or source.display is None:
        return [f"published, but it cannot be read: {source.why_not}"], figures
    faults = [
        *_duration_faults(source, output),
        *(fault for track in output.rungs for fault in rung_faults(track, output)),
        *(audio_faults(output.audio, output) if output.audio else ()),
        *_audio_presence_faults(source, output),
        *_shape_faults(source, output),
        *_coding_faults(source, output),
        *video_faults(source, output, figures),
        *offset_faults(source, output, figures),
        *_secret_faults(source, output),
    ]
    return faults, figures


def _duration_faults(source: Source, output: Output) -> Iterator[str]:
    frame_s = float(output.rungs[0].frame_s)
    tolerance_s = frame_s + _DURATION_TOLERANCE_S
    if abs(output.duration_s - source.duration_s) > tolerance_s:
        yield (
            f"duration: {output.duration_s:.3f} s, but the content ends at"
            f" {source.duration_s:.3f} s (tolerance {tolerance_s:.3f})"
        )


def rung_faults(track: Track, output: Output) -> Iterator[str]:
    """Each frame is on the grid and there once, each segment is whole, and EXTINF is right."""
    times, frame_ticks = track.times, track.frame_s * CLOCK_HZ
    if not times:
        yield f"{track.name}: holds no frame"
        return
    if track.rendition.durations_s != output.rungs[0].rendition.durations_s:
        yield f"{track.name}: its EXTINF differ from those of {output.rungs[0].name}"
    lowest = output.rungs[-1]
    is_copied = track is output.rungs[0] and output.copies_top
    shows_same = has_times(times, lowest.times) if is_copied else times == lowest.times
    if not shows_same:
        yield f"{track.name}: it does not show the same frames as {lowest.name}"
    start = Fraction(START_S * CLOCK_HZ)
    zero = start
    for index, (packets, duration_s) in enumerate(
        zip(track.packets, track.rendition.durations_s, strict=True)
    ):
        end = start + duration_s * CLOCK_HZ
        shown = (packets[0], packets[-1] + frame_ticks) if packets else (0, 0)
        if max(abs(shown[0] - start), abs(shown[1] - end)) > _TICKS_TOLERANCE:
            yield (
                f"{track.name}: segment {index} shows {float(shown[0]):.0f} to"
                f" {float(shown[1]):.0f} ticks, and EXTINF states"
                f" {float(start):.0f} to {float(end):.0f}"
            )
        start = end
    off = [
        at
        for at in times
        if abs(at - zero - round((at - zero) / frame_ticks) * frame_ticks) > _TICKS_TOLERANCE
    ]
    steps = [b - a for a, b in pairwise(times)]
    if off or any(step <= 0 for step in steps):
        yield f"{track.name}: {len(off)} frames are off the grid, or doubled"
    if max(steps, default=0) > CLOCK_HZ + frame_ticks:
        yield f"{track.name}: no frame for {max(steps) / CLOCK_HZ:.2f} s"
    if not track.starts_with_key:
        yield f"{track.name}: a segment does not start with a keyframe"


def has_times(times: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether each wanted time is among these, in order, to within a tick.

    A copied frame's time is rounded by another filter than that of an encoded one.
    """
    for at in wanted:
        found = bisect_left(times, at - _ROUNDING_TICKS)
        if found == len(times) or times[found] > at + _ROUNDING_TICKS:
            return False
    return True


def audio_faults(track: Track, output: Output) -> Iterator[str]:
    """The audio has no gap, and lasts as long as the video, to one AAC frame."""
    if not track.times:
        yield "audio: its segments are empty"
        return
    ends_s = track.times[-1] / CLOCK_HZ + AAC_FRAME_S - START_S
    for what, seconds in (("its playlist", track.duration_s), ("its last packet", ends_s)):
        if abs(seconds - output.duration_s) > AAC_FRAME_S + 1e-3:
            yield f"audio: {what} ends at {seconds:.3f} s, the video at {output.duration_s:.3f}"
    decoded = output.decoded_audio
    if decoded is None:
        yield "audio: nothing can be decoded"
    elif decoded.start_s > 1e-3:
        yield f"audio: starts at {decoded.start_s:.3f} s"


def _audio_presence_faults(source: Source, output: Output) -> Iterator[str]:
    if source.audio is not None and output.audio is None:
        yield f"audio: {source.audio.end_s - source.audio.start_s:.2f} s of it are lost"
    if source.audio is None and output.audio is not None:
        yield "audio: the source has none that can be decoded, and an audio rendition is published"


def _shape_faults(source: Source, output: Output) -> Iterator[str]:
    assert source.display is not None
    width, height = source.display
    for track in output.rungs:
        form = track.form
        size = f"{form['width']}x{form['height']}"
        wide = form["height"] * width / height
        allowed = max(Fraction(_ROUNDING_PX), Fraction(_SHAPE_TOLERANCE) * wide)
        tall = form["width"] * height / width
        allowed_tall = max(Fraction(_ROUNDING_PX), Fraction(_SHAPE_TOLERANCE) * tall)
        if abs(form["width"] - wide) > allowed and abs(form["height"] - tall) > allowed_tall:
            yield (
                f"shape: {track.name} is {size}, the source is shown"
                f" {float(width):.0f}x{float(height):.0f}"
            )
        if form["width"] > width + 1 or form["height"] > height + 1:
            yield f"shape: {track.name} is {size}, larger than the source"
        if form["shape"] not in (None, 0, 1):
            yield f"shape: the pixels of {track.name} are {form['shape']} and not square"
        stated = track.attributes["RESOLUTION"]
        if size != stated:
            yield f"shape: {track.name} is {size}, the playlist states {stated}"


def _coding_faults(source: Source, output: Output) -> Iterator[str]:
    for track in output.rungs:
        form = track.form
        if (form["codec"], form["format"]) != ("h264", "yuv420p"):
            yield f"coding: {track.name} is {form['codec']} {form['format']}"
        if form["color"] != _COLOR:
            yield f"coding: the color of {track.name} is tagged {form['color']}"
    if output.audio:
        form = output.audio.form
        # One channel stays one; more become two. Audio without a source is another fault.
        channels = min(2, source.audio.channels) if source.audio else form["channels"]
        if source.audio and source.audio.is_one_channel:
            channels = 1
        expected = {"codec": "aac", "profile": "LC", "rate_hz": 48_000, "channels": channels}
        if form != expected:
            yield f"coding: the audio is {form}, not {expected}"
    if output.errors:
        yield f"coding: {output.errors} packets cannot be decoded"
    yield from _rate_faults(output)
    if not (output.folder / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8"):
        yield "coding: thumbnail.jpg is not a JPEG"


def _rate_faults(output: Output) -> Iterator[str]:
    """AVERAGE-BANDWIDTH is bytes over time, and no long segment is above BANDWIDTH."""
    audio_bps = 0.0
    if output.audio:
        audio_bps = _rate_bps(output.audio, range(len(output.audio.packets)))
    for track in output.rungs:
        stated = int(track.attributes["AVERAGE-BANDWIDTH"])
        found = _rate_bps(track, range(len(track.packets))) + audio_bps
        if abs(stated - found) > max(2, 0.001 * found):
            yield f"coding: {track.name} has {found:.0f} b/s, the playlist states {stated}"
        for index, lasts_s in enumerate(track.rendition.durations_s):
            rate = _rate_bps(track, [index])
            if lasts_s >= _LEAST_RATED_S and rate > int(track.attributes["BANDWIDTH"]):
                yield f"coding: segment {index} of {track.name} is above BANDWIDTH"


def _rate_bps(track: Track, indices: Sequence[int]) -> float:
    size = sum(track.rendition.segments[i].stat().st_size for i in indices)
    return 8 * size / float(sum(track.rendition.durations_s[i] for i in indices))


def _secret_faults(source: Source, output: Output) -> Iterator[str]:
    """No location, name or device of the upload is in what viewers load."""
    allowed = {"service_name", "service_provider", "language", "variant_bitrate"}
    tracks = [*output.rungs, *([output.audio] if output.audio else [])]
    for track in tracks:
        for name in sorted(track.tags.keys() - allowed):
            yield f"metadata: {track.name} has {name}={track.tags[name]}"
    secrets = [secret.encode() for secret in source.secrets]
    for path in sorted(output.folder.rglob("*")):
        if path.suffix not in {".ts", ".m3u8", ".jpg"}:
            continue
        data = path.read_bytes()
        if path.name == "master.m3u8":
            data = without_subtitle_names(data)
        for secret in secrets:
            if secret in data:
                yield f"metadata: {path.name} holds {secret.decode(errors='replace')!r}"


def without_subtitle_names(master: bytes) -> bytes:
    """Leave out the names of subtitle tracks, which are published on purpose: players list them."""
    return re.sub(rb'(?m)^(#EXT-X-MEDIA:TYPE=SUBTITLES,.*?)NAME="[^"\n]*"', rb"\1", master)
