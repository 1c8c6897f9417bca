"""What FFmpeg's failures mean to whoever runs the job."""

from __future__ import annotations

import re
from collections.abc import Sequence

import structlog

from worker.errors import (
    WORK_FOLDER_FULL,
    BadEnvironmentError,
    BadSourceError,
    CannotWriteError,
    EncoderKilledError,
    SourceFault,
    WorkerError,
)
from worker.runtime.process import FailedError

_LINES_SHOWN = 5
# Of what FFmpeg was asked for, and never of a source; some in the words of other versions.
_LACKING = (
    *("Unknown encoder", "No such filter", "Requested output format"),
    *("Unrecognized option", "Option not found"),
    *("Unknown bitstream filter", "Bitstream filter not found"),
)
# What was decoded does not fit the filters: an audio layout without names, for example.
_UNCONVERTIBLE = (
    *("Failed to configure output pad", "Error reinitializing filters"),
    *("Failed to inject frame into filter", "Error configuring filter graph"),
)
# FFmpeg 8, and 5. A decoder that needs hardware is there, and cannot do it: the third.
_NO_DECODER = re.compile(r"no decoder found for: (\w+)|Decoder \(codec (\w+)\) not found")
_NO_HARDWARE = re.compile(r"decod.*: Function not implemented", re.IGNORECASE)
_DECODER = re.compile(r"\[dec:(\w+) @|^\[(\w+) @")

log = structlog.get_logger(__name__)


def explain_failure(error: FailedError) -> WorkerError:
    """Turn a failed FFmpeg into the worker's own error, by its last lines.

    Those go to the log: the message is for whoever uploaded the video.
    """
    errors = [line for line in error.tail if _is_error(line)]
    log.warning(
        "ffmpeg_failed", process=error.name, status=error.status, stderr=errors[-_LINES_SHOWN:]
    )
    text = "\n".join(error.tail)
    if "No space left on device" in text:
        return CannotWriteError(WORK_FOLDER_FULL)
    if "Cannot allocate memory" in text:
        return EncoderKilledError(f"{error.name} ran out of memory; give the job more")
    # Other lines may hold the upload's own words: its title, for example.
    lacking = [line for line in errors if any(words in line for words in _LACKING)]
    if lacking:
        # The first names the part; what follows is a consequence.
        return BadEnvironmentError(
            f"this FFmpeg lacks a part that is needed ({lacking[0]}); see --self-check"
        )
    codec = _undecodable(errors)
    if codec is not None:
        return no_decoder(codec)
    if any(words in line for words in _UNCONVERTIBLE for line in errors):
        # The first says why; what follows is a consequence. Addresses are in brackets.
        reason = errors[0].rpartition("] ")[2]
        return BadSourceError(
            f"the file can be decoded, but not converted ({reason}); export it as H.264 with"
            " stereo audio and upload that",
            code=SourceFault.UNREADABLE,
        )
    return BadSourceError(
        "the video is damaged and cannot be decoded; export it again, or upload it again",
        code=SourceFault.DAMAGED,
    )


def no_decoder(codec: str) -> BadSourceError:
    """Return the refusal of a video that may be whole, but has a codec that this FFmpeg lacks."""
    return BadSourceError(
        f"this FFmpeg has no decoder for the video's codec ({codec}); export it as H.264 and upload"
        " that",
        code=SourceFault.NO_DECODER,
    )


def no_audio_decoder(codec: str) -> BadSourceError:
    """Return the refusal of audio alone that may be whole, and that this FFmpeg cannot decode."""
    return BadSourceError(
        f"this FFmpeg cannot decode the audio ({codec}); export it as MP3 or AAC and upload that",
        code=SourceFault.NO_DECODER,
    )


def _undecodable(errors: Sequence[str]) -> str | None:
    """Return the codec that FFmpeg says it cannot decode at all."""
    for line in errors:
        if match := _NO_DECODER.search(line):
            return match[1] or match[2]
    if not any(_NO_HARDWARE.search(line) for line in errors):
        return None
    found = (match for line in errors if (match := _DECODER.search(line)))
    return next((match[1] or match[2] for match in found), "unknown")


def _is_error(line: str) -> bool:
    return any(level in line for level in ("[error]", "[fatal]", "[panic]"))
