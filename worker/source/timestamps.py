"""Repairs a source whose timestamps restart, by copying its tracks into another file."""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

from worker.errors import BadSourceError, CannotWriteError, SourceFault
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.remux import rewrite_timestamps
from worker.ffmpeg.run import run_ffmpeg
from worker.media.streams import Media
from worker.runtime.process import FailedError
from worker.runtime.sandbox import MAX_FILE_BYTES
from worker.runtime.workspace import Workspace

log = structlog.get_logger(__name__)


def repair_timestamps(source: Path, media: Media, workspace: Workspace) -> Path:
    """Return a copy of the source whose timestamps run from start to end.

    Raises:
        BadSourceError: its tracks cannot be copied.
        CannotWriteError: there is no space for a second file.

    """
    size = source.stat().st_size
    if shutil.disk_usage(workspace.folder).free < size:
        raise CannotWriteError(
            f"the work folder has no space for another {size} bytes, which a recording whose"
            " timestamps restart needs; give the job a larger volume"
        )
    path = workspace.folder / "repaired.ts"
    try:
        run_ffmpeg(
            "ffmpeg (timestamps)",
            rewrite_timestamps(media, source, str(path)),
            workspace,
            # MPEG-TS adds four bytes to each 184, and stuffs.
            file_bytes=2 * size + MAX_FILE_BYTES,
        )
    except FailedError as error:
        raise explain_failure(error) from error
    if not path.exists():
        raise BadSourceError(
            "the recording's timestamps restart and cannot be repaired; export it again as one"
            " video",
            code=SourceFault.BROKEN_TIMESTAMPS,
        )
    log.info("timestamps_repaired", jumps=media.jumps)
    return path
