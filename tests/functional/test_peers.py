"""What `scripts/bench --peers` compares the worker with makes playable videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.peers import PEERS, Peer
from tests.bench.single_rung import NotMadeError
from tests.bench.ways import BASELINE, WORKER, plan_for
from tests.functional.conftest import ffmpeg, ffprobe

# These two are measured with each run of `scripts/test`.
OTHERS = [peer for peer in PEERS if peer.name not in {BASELINE, WORKER}]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second, of few frames: of some, five rungs are made in two passes."""
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=640x360:rate=5:duration=1"),
        *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "0", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", path),
    )
    return path


@pytest.mark.parametrize("peer", OTHERS, ids=[peer.name for peer in OTHERS])
def test_a_peer_makes_a_playable_video(peer: Peer, clip: Path, tmp_path: Path) -> None:
    try:
        made = peer.make(clip, plan_for(clip, tmp_path), tmp_path / "made")
    except NotMadeError as obstacle:
        pytest.skip(str(obstacle))
    assert made.bytes > 0
    assert made.cost.cpu_s > 0
    assert made.first_minute_s <= made.cost.elapsed_s
    for rung in made.rungs:
        entries = "stream=codec_name,width,height,nb_read_frames"
        wanted = ("-select_streams", "v:0", "-count_frames", "-show_entries", entries)
        # Of a playlist, a stream is listed in its program, too.
        line = ffprobe(*wanted, "-of", "csv=p=0", rung.playlist).split()[-1]
        codec, width, height, frames = line.split(",")[:4]
        assert (codec, int(width), int(height)) == ("h264", *rung.size)
        assert int(frames) >= 5
