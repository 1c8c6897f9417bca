"""What FFmpeg's failures mean to whoever runs the job."""

from __future__ import annotations

import structlog

from worker.errors import (
    WORK_FOLDER_FULL,
    BadEnvironmentError,
    BadSourceError,
    CannotWriteError,
    EncoderKilledError,
    WorkerError,
)
from worker.process import FailedError

_LINES_TOLD = 5
# Said of what FFmpeg was asked for, and never of a source; some in the words of other versions.
_LACKING = (
    *("Unknown encoder", "No such filter", "Requested output format"),
    *("Unrecognized option", "Option not found"),
    *("Unknown bitstream filter", "Bitstream filter not found"),
)

log = structlog.get_logger(__name__)


def explain_failure(error: FailedError) -> WorkerError:
    """Turn a failed FFmpeg into the worker's own error, by what it said last.

    That itself goes to the log: the message is for who uploaded the video.
    """
    telling = [line for line in error.tail if _is_telling(line)]
    said = telling[-_LINES_TOLD:]
    log.warning("ffmpeg_failed", process=error.name, status=error.status, said=said)
    text = "\n".join(error.tail)
    if "No space left on device" in text:
        return CannotWriteError(WORK_FOLDER_FULL)
    if "Cannot allocate memory" in text:
        return EncoderKilledError(f"{error.name} ran out of memory; give the job more")
    # Other lines may hold the upload's own words: its title, for example.
    lacking = [line for line in telling if any(words in line for words in _LACKING)]
    if lacking:
        # The first names the part; what follows only says that nothing came of it.
        return BadEnvironmentError(
            f"this FFmpeg lacks a part that is needed ({lacking[0]}); see --self-check"
        )
    return BadSourceError(
        "the video is damaged and cannot be decoded; export it again, or upload it again"
    )


def _is_telling(line: str) -> bool:
    return any(level in line for level in ("[error]", "[fatal]", "[panic]"))
