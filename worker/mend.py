"""Mends a source whose clock starts anew on the way, by copying its tracks into another file."""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

from worker.alone import run_alone
from worker.errors import BadSourceError, CannotWriteError
from worker.failures import explain_failure
from worker.limits import FILE_BYTES
from worker.media import Media
from worker.process import FailedError, Tools
from worker.remux import straighten

log = structlog.get_logger(__name__)


def mend_clock(source: Path, media: Media, *, folder: Path, tools: Tools) -> Path:
    """Return a copy of the source with one clock from start to end.

    Raises:
        BadSourceError: its tracks cannot be copied.
        CannotWriteError: there is no room for a second file.

    """
    size = source.stat().st_size
    if shutil.disk_usage(folder).free < size:
        raise CannotWriteError(
            f"the work folder has no room for another {size} bytes, which a recording whose clock"
            " starts anew needs; give the job a larger volume"
        )
    log.info("clock_mended", jumps=media.jumps)
    path = folder / "straight.ts"
    try:
        run_alone(
            "ffmpeg (copy)",
            lambda pipes: straighten(
                media, source, ffmpeg_path=tools.ffmpeg, output=str(path), pipes=pipes
            ),
            folder=folder,
            tools=tools,
            # MPEG-TS adds four bytes to each 184, and stuffs.
            file_bytes=2 * size + FILE_BYTES,
        )
    except FailedError as error:
        raise explain_failure(error) from error
    if not path.exists():
        raise BadSourceError("the recording's clock starts anew on the way and cannot be mended")
    return path
