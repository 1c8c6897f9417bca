"""What FFmpeg's last words mean: whose fault it is that it failed."""

from __future__ import annotations

import pytest

from worker.errors import BadEnvironmentError, BadSourceError
from worker.ffmpeg.diagnostics import explain_failure
from worker.runtime.process import FailedError


@pytest.mark.parametrize(
    "line",
    [
        "[fatal] Unknown encoder 'libx264'",
        "[Parsed_graph @ 0x1] [error] No such filter: 'mpdecimate'",
        "[error] Unrecognized option 'fps_mode'.",
        "[NULL @ 0x1] [error] Requested output format 'h264' is not a suitable output format",
        "[AVFormatContext @ 0x1] [error] Requested output format 'h264' is not known.",
        "[fatal] Unknown bitstream filter setts",
        "[error] Error parsing bitstream filter sequence 'setts': Bitstream filter not found",
        "[error] Error applying option 'latency' to filter 'alimiter': Option not found",
    ],
)
def test_a_part_that_ffmpeg_lacks_is_not_the_uploads_fault(line: str) -> None:
    said = ["[info] Input #0", line, "[fatal] Error opening output files: Invalid argument"]
    error = explain_failure(FailedError("ffmpeg", 1, said))
    assert isinstance(error, BadEnvironmentError)
    assert line in str(error)
    assert "--self-check" in str(error)


def test_anything_else_is() -> None:
    said = ["[h264 @ 0x1] [error] non-existing PPS 0 referenced", "[fatal] Conversion failed!"]
    # The video's title, in FFmpeg's description of it.
    said.insert(0, "[info]     title           : Unknown encoder, and what to do")
    assert isinstance(explain_failure(FailedError("ffmpeg", 1, said)), BadSourceError)
