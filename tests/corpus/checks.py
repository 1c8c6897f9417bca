"""Whether what was published is what was uploaded: every fault in words, and the figures found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from tests.corpus import measure
from tests.corpus.output import CLOCK_HZ, Output, Track
from tests.corpus.source import Source
from tests.functional.hls import AAC_FRAME_S

# Where the timeline begins in the segments.
START_S = 10
# Ticks and EXTINF are rounded.
_TICKS_TOLERANCE = 9
_DURATION_TOLERANCE_S = 0.05
_SOUND_TOLERANCE_S = 0.04
_LEAST_LIKENESS = 0.75
_SHAPE_TOLERANCE = 0.02
_ROUNDING_PX = 2
# Limited range, BT.709 primaries, transfer and matrix (Rec. ITU-T H.273).
_COLOURS = (1, 1, 1, 1)
# Shorter segments' rates say nothing of what a player must sustain.
_LEAST_RATED_S = 3


@dataclass
class Figures:
    """What was measured, for the line that is printed."""

    duration_s: float = 0.0
    frame_s: float = 0.0
    width: int = 0
    height: int = 0
    has_sound: bool = False
    sound: list[measure.Lag | None] = field(default_factory=list)
    picture: list[measure.Lag | None] = field(default_factory=list)
    orientation: str = ""


def check_published(source: Source, output: Output) -> tuple[list[str], Figures]:
    """Hold a published folder against the upload."""
    top = output.rungs[0]
    figures = Figures(
        duration_s=output.duration_s,
        frame_s=float(top.frame_s),
        width=top.form["width"],
        height=top.form["height"],
        has_sound=output.audio is not None,
    )
    if source.pictures is None or source.display is None:
        return [f"published, but it cannot be read: {source.why_not}"], figures
    faults = [
        *_duration_faults(source, output),
        *(fault for track in output.rungs for fault in rung_faults(track, output)),
        *(audio_faults(output.audio, output) if output.audio else ()),
        *_sound_presence_faults(source, output),
        *_shape_faults(source, output),
        *_form_faults(source, output),
        *_picture_faults(source, output, figures),
        *_offset_faults(source, output, figures),
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
    """Every picture is there once, on the grid, no segment's end is left out, and EXTINF say so."""
    times, frame_ticks = track.times, track.frame_s * CLOCK_HZ
    if not times:
        yield f"{track.name}: holds no picture"
        return
    if track.rendition.durations_s != output.rungs[0].rendition.durations_s:
        yield f"{track.name}: its EXTINF differ from those of {output.rungs[0].name}"
    lowest = output.rungs[-1]
    is_copied = track is output.rungs[0] and output.copies_top
    if (not set(lowest.times) <= set(times)) if is_copied else times != lowest.times:
        yield f"{track.name}: it does not show the same pictures as {lowest.name}"
    start = Fraction(START_S * CLOCK_HZ)
    zero = start
    for index, (packets, told_s) in enumerate(
        zip(track.packets, track.rendition.durations_s, strict=True)
    ):
        end = start + told_s * CLOCK_HZ
        shown = (packets[0], packets[-1] + frame_ticks) if packets else (0, 0)
        if max(abs(shown[0] - start), abs(shown[1] - end)) > _TICKS_TOLERANCE:
            yield (
                f"{track.name}: segment {index} shows {float(shown[0]):.0f} to"
                f" {float(shown[1]):.0f} ticks, and EXTINF says"
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
        yield f"{track.name}: {len(off)} pictures are doubled or out of place"
    if max(steps, default=0) > CLOCK_HZ + frame_ticks:
        yield f"{track.name}: no picture for {max(steps) / CLOCK_HZ:.2f} s"
    if not track.starts_with_key:
        yield f"{track.name}: a segment does not start with a keyframe"


def audio_faults(track: Track, output: Output) -> Iterator[str]:
    """The sound has no hole, and lasts as long as the picture, to one AAC frame."""
    if not track.times:
        yield "sound: its segments are empty"
        return
    ends_s = track.times[-1] / CLOCK_HZ + AAC_FRAME_S - START_S
    for what, seconds in (("its playlist", track.duration_s), ("its last packet", ends_s)):
        if abs(seconds - output.duration_s) > AAC_FRAME_S + 1e-3:
            yield f"sound: {what} ends at {seconds:.3f} s, the picture at {output.duration_s:.3f}"
    sound = output.sound
    if sound is None:
        yield "sound: nothing can be decoded"
    elif sound.start_s > 1e-3:
        yield f"sound: starts at {sound.start_s:.3f} s"


def _sound_presence_faults(source: Source, output: Output) -> Iterator[str]:
    if source.sound is not None and output.audio is None:
        yield f"sound: {source.sound.end_s - source.sound.start_s:.2f} s of it are lost"
    if source.sound is None and output.audio is not None:
        yield "sound: the source has none that can be decoded, and an audio rendition is there"


def _shape_faults(source: Source, output: Output) -> Iterator[str]:
    assert source.display is not None
    width, height = source.display
    for track in output.rungs:
        form = track.form
        told = f"{form['width']}x{form['height']}"
        wide = form["height"] * width / height
        allowed = max(Fraction(_ROUNDING_PX), Fraction(_SHAPE_TOLERANCE) * wide)
        tall = form["width"] * height / width
        allowed_tall = max(Fraction(_ROUNDING_PX), Fraction(_SHAPE_TOLERANCE) * tall)
        if abs(form["width"] - wide) > allowed and abs(form["height"] - tall) > allowed_tall:
            yield (
                f"shape: {track.name} is {told}, the source is shown"
                f" {float(width):.0f}x{float(height):.0f}"
            )
        if form["width"] > width + 1 or form["height"] > height + 1:
            yield f"shape: {track.name} is {told}, larger than the source"
        if form["shape"] not in (None, 0, 1):
            yield f"shape: the pixels of {track.name} are {form['shape']} and not square"
        if told != track.told["RESOLUTION"]:
            yield f"shape: {track.name} is {told}, the playlist says {track.told['RESOLUTION']}"


def _form_faults(source: Source, output: Output) -> Iterator[str]:
    for track in output.rungs:
        form = track.form
        if (form["codec"], form["format"]) != ("h264", "yuv420p"):
            yield f"form: {track.name} is {form['codec']} {form['format']}"
        if form["colours"] != _COLOURS:
            yield f"form: the colours of {track.name} are tagged {form['colours']}"
    if output.audio:
        form = output.audio.form
        # One channel stays one; more become two. Sound that has no source is told elsewhere.
        channels = min(2, source.sound.channels) if source.sound else form["channels"]
        expected = {"codec": "aac", "profile": "LC", "rate_hz": 48_000, "channels": channels}
        if form != expected:
            yield f"form: the sound is {form}, not {expected}"
    if output.errors:
        yield f"form: {output.errors} packets cannot be decoded"
    yield from _rate_faults(output)
    if not (output.folder / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8"):
        yield "form: thumbnail.jpg is no JPEG"


def _rate_faults(output: Output) -> Iterator[str]:
    """AVERAGE-BANDWIDTH is bytes over time, and no long segment is above BANDWIDTH."""
    sound_bps = 0.0
    if output.audio:
        sound_bps = _rate_bps(output.audio, range(len(output.audio.packets)))
    for track in output.rungs:
        told = int(track.told["AVERAGE-BANDWIDTH"])
        found = _rate_bps(track, range(len(track.packets))) + sound_bps
        if abs(told - found) > max(2, 0.001 * found):
            yield f"form: {track.name} has {found:.0f} b/s, the playlist says {told}"
        for index, lasts_s in enumerate(track.rendition.durations_s):
            rate = _rate_bps(track, [index])
            if lasts_s >= _LEAST_RATED_S and rate > int(track.told["BANDWIDTH"]):
                yield f"form: segment {index} of {track.name} is above BANDWIDTH"


def _rate_bps(track: Track, indices: Sequence[int]) -> float:
    size = sum(track.rendition.segments[i].stat().st_size for i in indices)
    return 8 * size / float(sum(track.rendition.durations_s[i] for i in indices))


def _picture_faults(source: Source, output: Output, figures: Figures) -> Iterator[str]:
    assert source.pictures is not None
    if source.orientation is None:
        figures.orientation = "askew"
        return
    found = measure.best_orientation(source.pictures, output.pictures, source.orientation)
    figures.orientation = f"{source.orientation} → {'?' if found is None else found}"
    if found not in (None, source.orientation):
        yield f"orientation: lies {found}, the matrix says {source.orientation}"
    like = measure.likeness(source.pictures, output.pictures, source.orientation)
    if like is not None and like < _LEAST_LIKENESS:
        yield f"picture: not that of the source (alike to {like:.2f})"
    for at_s, length_s in measure.windows(output.duration_s):
        if measure.stands_still(source.pictures, output.pictures, at_s, length_s):
            yield f"picture: stands still at {at_s:.1f} s, where the source moves"


def _offset_faults(source: Source, output: Output, figures: Figures) -> Iterator[str]:
    frame_s = float(output.rungs[0].frame_s)
    for at_s, length_s in measure.windows(output.duration_s):
        seen = heard = None
        if source.pictures is not None and source.orientation is not None:
            seen = measure.picture_lag(
                source.pictures,
                output.pictures,
                at_s,
                length_s,
                frame_s=frame_s,
                orientation=source.orientation,
            )
        if source.sound is not None and output.sound is not None:
            heard = measure.sound_lag(
                source.sound, output.sound, at_s, length_s, tolerance_s=_SOUND_TOLERANCE_S
            )
        figures.picture.append(seen)
        figures.sound.append(heard)
        yield from lag_faults(seen, heard, frame_s)


def lag_faults(
    seen: measure.Lag | None, heard: measure.Lag | None, frame_s: float
) -> Iterator[str]:
    """Tell whether picture and sound are in their places, to within one picture."""
    if seen and abs(seen.lag_s) > 1.01 * frame_s:
        yield f"offset: at {seen.at_s:.1f} s the picture is {seen.lag_s * 1000:+.0f} ms late"
    if heard and heard.fits < 0.5:
        yield f"sound: at {heard.at_s:.1f} s not that of the source (alike to {heard.fits:.2f})"
    elif heard and abs(heard.lag_s) > _SOUND_TOLERANCE_S:
        yield f"offset: at {heard.at_s:.1f} s the sound is {heard.lag_s * 1000:+.0f} ms late"


def _secret_faults(source: Source, output: Output) -> Iterator[str]:
    """No place, name or device of the upload is in what viewers load."""
    allowed = {"service_name", "service_provider", "language", "variant_bitrate"}
    tracks = [*output.rungs, *([output.audio] if output.audio else [])]
    for track in tracks:
        for name in sorted(track.tags.keys() - allowed):
            yield f"metadata: {track.name} says {name}={track.tags[name]}"
    secrets = [secret.encode() for secret in source.secrets]
    for path in sorted(output.folder.rglob("*")):
        if path.suffix not in {".ts", ".m3u8", ".jpg"}:
            continue
        data = path.read_bytes()
        for secret in secrets:
            if secret in data:
                yield f"metadata: {path.name} holds {secret.decode(errors='replace')!r}"
