"""The comparison with other programs: how a CRF is searched, what is playable, what is reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.cost import Cost, in_turn
from tests.bench.crf_search import Attempt, NoCrfError, find_crf
from tests.bench.others import Others, busy_ticks
from tests.bench.peer_table import PeerResult, peer_points, peer_row, peer_table
from tests.bench.peers import PEERS, peertube_bit_rate
from tests.bench.playable import playable_s
from tests.bench.quality import Quality, best_delay
from tests.bench.ways import BASELINE, Made, Rendition

NOWHERE = Path("index.m3u8")


class Clip:
    """A clip whose VMAF falls with the CRF, and whose size halves every six."""

    def __init__(self, *, slope: float, percent_at_23: float, best: float = 100) -> None:
        self.tried: list[float] = []
        self._best, self._slope, self._percent = best, slope, percent_at_23

    def encode_sample(self, crf: float) -> Attempt:
        self.tried.append(crf)
        vmaf = self._best - self._slope * (crf - 10) ** 2
        return Attempt(vmaf=vmaf, percent=self._percent * 2 ** ((23 - crf) / 6))


def test_the_crf_is_the_highest_whose_vmaf_is_enough() -> None:
    clip = Clip(slope=0.02, percent_at_23=30)
    crf = find_crf(clip.encode_sample)
    # 100 - 0.02 * 15.8² is 95.0.
    assert crf == pytest.approx(25.7, abs=0.2)
    assert clip.encode_sample(crf).vmaf > 95
    assert clip.tried[0] == pytest.approx(28)
    assert len(clip.tried) < 10


def test_a_clip_that_is_good_at_any_crf_gets_the_highest() -> None:
    assert find_crf(Clip(slope=0, percent_at_23=30).encode_sample) == pytest.approx(46)


@pytest.mark.parametrize(
    "clip",
    [
        Clip(slope=0.02, percent_at_23=400),
        Clip(slope=0, percent_at_23=1, best=90),
    ],
    ids=["too large", "too bad"],
)
def test_no_crf_is_found_where_quality_and_size_exclude_each_other(clip: Clip) -> None:
    with pytest.raises(NoCrfError, match="no CRF gives a VMAF of 95 in 80 %"):
        find_crf(clip.encode_sample)


def test_peertube_caps_by_size_and_by_the_upload() -> None:
    # Worked out by hand from its table of bits for each pixel.
    size = (1920, 1080)
    assert peertube_bit_rate(size, fps=30, upload_bit_rate=50_000_000) == 6_220_800
    assert peertube_bit_rate(size, fps=30, upload_bit_rate=2_000_000) == 2_600_000
    assert peertube_bit_rate(size, fps=30, upload_bit_rate=100_000) == 1_244_160
    assert peertube_bit_rate((1280, 720), fps=30, upload_bit_rate=50_000_000) == 3_041_280


def test_what_is_playable_grows_with_the_segments(tmp_path: Path) -> None:
    master = tmp_path / "master.m3u8"
    assert playable_s(master) == 0
    playlist = "#EXTM3U\n#EXTINF:4.000,\n0.ts\n#EXTINF:2.500,\n1.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "720p").mkdir()
    (tmp_path / "720p" / "index.m3u8").write_text(playlist)
    (tmp_path / "720p" / "0.ts").touch()
    assert playable_s(tmp_path / "720p" / "index.m3u8") == 4
    (tmp_path / "720p" / "1.ts").touch()
    assert playable_s(master) == 0
    master.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n720p/index.m3u8\n")
    assert playable_s(master) == 6.5


def test_a_result_is_ready_when_the_first_command_has_made_it() -> None:
    whole = in_turn([cost(2.0), cost(3.0, ready_s=1.0), cost(4.0, ready_s=0.5)])
    assert (whole.cpu_s, whole.elapsed_s, whole.ready_s) == (9, 9, 3)
    assert in_turn([cost(2.0)]).ready_s is None


def cost(seconds: float, ready_s: float | None = None) -> Cost:
    return Cost(cpu_s=seconds, elapsed_s=seconds, memory_bytes=1, disk_bytes=1, ready_s=ready_s)


def result(name: str, *, cpu_s: float, size: int, vmaf: float | None) -> PeerResult:
    rungs = (Rendition(size=(1280, 720), playlist=NOWHERE),)
    return PeerResult(
        clip="talk.mp4, 30 s",
        name=name,
        origin="settings",
        made=Made(cost=cost(cpu_s), bytes=size, rungs=rungs),
        quality=None if vmaf is None else Quality(mean=vmaf, worst=vmaf - 1),
        late_s=2 / 30,
    )


def test_a_row_has_the_figures_or_why_there_are_none() -> None:
    made = result("peer", cpu_s=12.34, size=1_234_000, vmaf=95.04)
    assert peer_row(made) == (
        "| talk.mp4, 30 s | peer | settings | 720p | 12.3 | 12.3 | 12.3 | 1.23 | 95.0 | 94.0 | 67 |"
    )
    refused = PeerResult(clip="talk.mp4", name="peer", origin="settings", obstacle="too small")
    assert "none: too small" in peer_row(refused)
    unseen = result("peer", cpu_s=1, size=1, vmaf=None)
    table = peer_table([made, refused, unseen], "One run.").splitlines()
    columns = {line.count("|") for line in table if line.startswith("|")}
    assert columns == {12}
    assert table[-1] == "One run."


def test_points_are_compared_with_the_baseline_of_the_same_clip() -> None:
    ours = result(BASELINE, cpu_s=10, size=100, vmaf=95)
    (first, second) = peer_points([ours, result("peer", cpu_s=5, size=40, vmaf=96)])
    assert (first.cpu_ratio, first.bytes_ratio, first.gain) == (1, 1, 0)
    assert (second.cpu_ratio, second.bytes_ratio, second.gain) == (0.5, 0.4, 1)
    assert peer_points([result("peer", cpu_s=5, size=40, vmaf=96)]) == []


def test_each_program_says_what_of_it_is_run() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert all(peer.origin for peer in PEERS)


def test_what_is_idle_or_waits_is_not_busy() -> None:
    """As in /proc/stat: user nice system idle iowait irq softirq steal guest (users already)."""
    ticks = ["1", "20", "300", "4000", "50000", "600000", "7000000", "80000000", "900000000"]
    assert busy_ticks(ticks) == 87600321
    assert 0 <= Others().share <= 1


@pytest.mark.parametrize("late", [0, 2, -3])
def test_a_video_that_is_late_as_a_whole_is_found(late: int) -> None:
    frames = np.repeat(np.arange(40, dtype=np.uint8)[:, None] * 5, 4, axis=1)
    shown = np.roll(frames, late, axis=0)
    assert best_delay(shown, frames) == late


def test_a_video_that_stands_still_is_not_late() -> None:
    still = np.zeros((30, 4), np.uint8)
    assert best_delay(still, still) == 0
