"""Jobs of two rungs: a sample encode selects them, and the top one may be copied.

In a module of their own: of two modules that run at a time, neither should take far longer.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Ended
from tests.e2e.test_jobs import JOB, mount


def publish(run: Callable[..., Ended], lecture: Path, data: Path, *options: str) -> Ended:
    shutil.copyfile(lecture, data / "in.mp4")
    ended = run([*JOB, "--preset", "superfast", *options], mount(data))
    assert ended.status == 0, ended.stdout[-2000:] + ended.stderr
    assert ended.final["outcome"] == "published"
    return ended


def test_a_sample_encode_selects_the_ladder(
    run: Callable[..., Ended], lecture: Path, data: Path
) -> None:
    """It needs parts of FFmpeg that no other step needs."""
    ended = publish(run, lecture, data, "--copy-top", "never")
    assert ended.named("sample_encode_failed") == []
    (chosen,) = ended.named("ladder_chosen")
    assert chosen["rungs"] == ["720p", "480p"]
    assert chosen["sampled_bps"].keys() == {"720p", "480p"}
    assert min(chosen["sampled_bps"].values()) > 0
    made = {path.parent.name for path in data.glob("out/*/*/index*.m3u8")}
    assert made == {"720p", "480p", "audio"}


def test_a_fit_top_rung_is_copied(run: Callable[..., Ended], lecture: Path, data: Path) -> None:
    """Listing its keyframes needs parts of FFmpeg that no other step needs."""
    ended = publish(run, lecture, data, "--copy-top", "always", "--ladder", "720,480")
    assert ended.named("top_rung_encoded") == []
    (copied,) = ended.named("top_rung_copied")
    assert copied["bit_rate_bps"] > 0
    (top,) = data.glob("out/*/720p/index*.m3u8")
    assert list(data.glob("out/*/480p/index*.m3u8"))
    assert frame_digests(top) == frame_digests(lecture)


def frame_digests(path: Path) -> list[str]:
    """Digest of each decoded frame."""
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(path), "-map", "0:v"]
    argv += ["-fps_mode", "passthrough", "-f", "framemd5", "-"]
    text = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [row.rpartition(",")[2] for row in text.splitlines() if not row.startswith("#")]
