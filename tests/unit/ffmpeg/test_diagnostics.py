"""What FFmpeg's last words mean: whose fault it is that it failed."""

from __future__ import annotations

import pytest

from worker.errors import BadEnvironmentError, BadSourceError, SourceFault
from worker.ffmpeg.diagnostics import explain_failure
from worker.runtime.process import FailedError

NOT_IMPLEMENTED = "Function not implemented"


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
    error = explain_failure(FailedError("ffmpeg", 1, said))
    assert isinstance(error, BadSourceError)
    assert error.code is SourceFault.DAMAGED


@pytest.mark.parametrize(
    ("codec", "lines"),
    [
        ("vvc", ["[error] Decoder (codec vvc) not found for input stream #0:0"]),
        ("evc", ["[error] Decoding requested, but no decoder found for: evc"]),
        (
            "av1",
            [
                f"[dec:av1 @ 0x2] [error] Error submitting packet to decoder: {NOT_IMPLEMENTED}",
                "[dec:av1 @ 0x2] [fatal] Decode error rate 1 exceeds maximum",
            ],
        ),
        (
            "av1",
            [
                "[av1 @ 0x1] [error] Your platform doesn't support hardware accelerated decoding.",
                f"[error] Error while decoding stream #0:0: {NOT_IMPLEMENTED}",
            ],
        ),
    ],
)
def test_a_codec_that_ffmpeg_cannot_decode_is_no_damage(codec: str, lines: list[str]) -> None:
    error = explain_failure(FailedError("ffmpeg", 1, lines))
    assert isinstance(error, BadSourceError)
    assert error.code is SourceFault.NO_DECODER
    assert f"({codec})" in str(error)


def test_what_is_decoded_and_cannot_be_converted_is_no_damage() -> None:
    said = [
        "[SWR @ 0x1] [error] Rematrix is needed between 10 channels and stereo",
        "[auto_aresample_0 @ 0x1] [error] Failed to configure output pad on auto_aresample_0",
        "[error] Error reinitializing filters!",
    ]
    error = explain_failure(FailedError("ffmpeg", 1, said))
    assert isinstance(error, BadSourceError)
    assert error.code is SourceFault.UNREADABLE
    assert "(Rematrix is needed between 10 channels and stereo)" in str(error)
