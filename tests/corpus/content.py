"""Compares decoded video and audio with the source: orientation, similarity, lag."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus import measure
from tests.corpus.figures import Figures
from tests.corpus.output import Output
from tests.corpus.source import Source

_AUDIO_TOLERANCE_S = 0.04
_LEAST_SIMILARITY = 0.75


def video_faults(source: Source, output: Output, figures: Figures) -> Iterator[str]:
    assert source.frames is not None
    if source.orientation is None:
        figures.orientation = "not a quarter turn"
        return
    frames, published = source.frames, output.decoded_video
    found = measure.best_orientation(frames, published, source.orientation)
    figures.orientation = f"{source.orientation} → {'?' if found is None else found}"
    if found not in (None, source.orientation):
        yield f"orientation: it is {found}, the display matrix requests {source.orientation}"
    similarity = measure.similarity(frames, published, source.orientation)
    if similarity is not None and similarity < _LEAST_SIMILARITY:
        yield f"video: not that of the source (similarity {similarity:.2f})"
    for at_s, length_s in measure.windows(output.duration_s):
        if measure.is_frozen(frames, published, at_s, length_s):
            yield f"video: frozen at {at_s:.1f} s, where the source moves"


def offset_faults(source: Source, output: Output, figures: Figures) -> Iterator[str]:
    frame_s = float(output.rungs[0].frame_s)
    for at_s, length_s in measure.windows(output.duration_s):
        video = audio = None
        if source.frames is not None and source.orientation is not None:
            video = measure.video_lag(
                source.frames,
                output.decoded_video,
                at_s,
                length_s,
                frame_s=frame_s,
                orientation=source.orientation,
            )
        if source.audio is not None and output.decoded_audio is not None:
            audio = measure.audio_lag(
                source.audio, output.decoded_audio, at_s, length_s, tolerance_s=_AUDIO_TOLERANCE_S
            )
        figures.video.append(video)
        figures.audio.append(audio)
        yield from lag_faults(video, audio, frame_s)


def lag_faults(
    video: measure.Lag | None, audio: measure.Lag | None, frame_s: float
) -> Iterator[str]:
    """Video is on time to within one frame, and audio to within 40 ms."""
    if video and abs(video.lag_s) > 1.01 * frame_s:
        yield f"offset: at {video.at_s:.1f} s the video is {video.lag_s * 1000:+.0f} ms late"
    if audio and audio.similarity < 0.5:
        yield (
            f"audio: at {audio.at_s:.1f} s not that of the source"
            f" (similarity {audio.similarity:.2f})"
        )
    elif audio and abs(audio.lag_s) > _AUDIO_TOLERANCE_S:
        yield f"offset: at {audio.at_s:.1f} s the audio is {audio.lag_s * 1000:+.0f} ms late"
