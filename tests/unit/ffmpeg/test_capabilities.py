"""FFmpeg is refused where it is known to be too old, and not where its version is unknown."""

from __future__ import annotations

import pytest

from worker.ffmpeg.capabilities import why_too_old


@pytest.mark.parametrize(
    "version",
    ["4.4.2-0ubuntu0.22.04.1", "5.0.1", "n4.3", "3.4.11-0ubuntu0.1", "2.8", "4.1-static"],
)
def test_a_release_before_5_1_is_too_old(version: str) -> None:
    fault = why_too_old(f"ffmpeg version {version} Copyright (c) 2000-2021 the FFmpeg developers")
    assert fault
    assert f"version {version} is too old; install FFmpeg 5.1 or newer" in fault


@pytest.mark.parametrize(
    "version",
    [
        *("5.1", "5.1.9-0+deb12u1", "7.1-static", "n6.0", "n9.0.2-17-g2a571b6068", "10.0"),
        *("N-109968-gc1f2c1e1ff", "git-2024-05-01-0000000", "2024-05-13-git-37db0454e4-full_build"),
        *("unknown", "UNKNOWN", ""),
    ],
)
def test_what_is_newer_or_of_no_release_passes(version: str) -> None:
    assert why_too_old(f"ffmpeg version {version} Copyright (c) 2000-2021") is None


def test_a_line_without_a_version_passes() -> None:
    assert why_too_old("unknown") is None
    assert why_too_old("/usr/bin/ffmpeg: 4.4: warning") is None
