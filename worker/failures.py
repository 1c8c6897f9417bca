"""What FFmpeg's failures mean to whoever runs the job."""

from __future__ import annotations

from worker.errors import (
    WORK_FOLDER_FULL,
    BadEnvironmentError,
    BadSourceError,
    CannotWriteError,
    EncoderKilledError,
    WorkerError,
)
from worker.process import FailedError


def explain_failure(error: FailedError) -> WorkerError:
    """Turn a failed encode into the worker's own error, by what FFmpeg said last."""
    text = "\n".join(error.tail)
    said = " | ".join(line for line in error.tail if _is_telling(line))[-600:]
    if "No space left on device" in text:
        return CannotWriteError(WORK_FOLDER_FULL)
    if "Cannot allocate memory" in text:
        return EncoderKilledError(f"{error.name} ran out of memory; give the job more ({said})")
    if "Unknown encoder" in text or "No such filter" in text:
        return BadEnvironmentError(f"this FFmpeg lacks a part that is needed ({said})")
    return BadSourceError(
        "FFmpeg cannot decode the source: the file is damaged; export or upload it again"
        f" ({error.name}, status {error.status}: {said})"
    )


def _is_telling(line: str) -> bool:
    return any(level in line for level in ("[error]", "[fatal]", "[panic]"))
