"""Makes the thumbnail of audio alone: the image that is attached to it, or else its waveform."""

from __future__ import annotations

from pathlib import Path

import structlog

from worker.ffmpeg.audio import DECODED, decode_audio
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg, run_through_pipe
from worker.images.commands import AUDIO_THUMBNAIL, convert_cover, draw_waveform
from worker.plan.plan import Plan
from worker.runtime.process import FailedError
from worker.runtime.workspace import Workspace

log = structlog.get_logger(__name__)


def make_audio_thumbnail(plan: Plan, source: Path, workspace: Workspace) -> bytes:
    """Return a JPEG.

    Raises:
        WorkerError: there is no cover that can be read, and the audio cannot be decoded.

    """
    path = workspace.folder / AUDIO_THUMBNAIL
    if plan.media.cover is not None:
        try:
            run_ffmpeg("ffmpeg (cover)", convert_cover(plan.media.cover, source), workspace)
            return path.read_bytes()
        except (*FFMPEG_FAILURES, OSError) as error:
            log.warning("images_left_out", reason=f"the cover cannot be read: {error}")
    try:
        run_through_pipe(
            decode_audio(plan.media, source),
            draw_waveform(plan.grid.duration_s),
            DECODED,
            workspace,
        )
    except FailedError as error:
        raise explain_failure(error) from error
    return path.read_bytes()
