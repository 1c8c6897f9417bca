"""Audio that changes on the way, comes late, drifts or has gaps: it is heard when it was said."""

from __future__ import annotations

import re
import subprocess
from array import array
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from tests.functional.conftest import TESTED, ffmpeg, media
from tests.functional.encode.test_sync import beeps_s
from tests.functional.hls import decode, read_published
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.source.test_audio import audio_playlist, volume_db
from tests.functional.worker_process import Ended, RunWorker

pytestmark = pytest.mark.ffmpeg

HZ = 48_000
# A whole number of AC-3 frames at 48 and at 32 kHz.
PART_S = 4.8
# Packets of 20 ms whose times are 0, 15 and 30 ms late by turns: no gap, and in order.
LATE = "15*(2-abs(mod(N,4)-2))"


def samples(out: Path) -> array[int]:
    return array("h", decode(audio_playlist(out), "-ac", 1, "-ar", HZ, "-f", "s16le").stdout)


def breaks(heard: array[int]) -> int:
    """Count the 5 ms of a steady tone that are not as loud as the rest; its ends are left out."""
    step = HZ // 200
    loud = [max(map(abs, heard[i : i + step])) for i in range(0, len(heard) - step, step)]
    middle = loud[40:-40]
    # The encoder overshoots where the tone begins again.
    usual = median(middle)
    return sum(level < 0.7 * usual for level in middle)


def make_parts(folder: Path, *parts: tuple[str, int]) -> Path:
    """Encode a beep a second, in parts of these layouts and rates, as one AC-3 track."""
    names = []
    for i, (layout, hertz) in enumerate(parts):
        begin_s = i * PART_S
        beep = f"if(between(mod(t+{begin_s},1),0.5,0.54),sin(2*PI*1000*t),0)"
        names.append(folder / f"part{i}.mka")
        # A layout of many channels is made of one: AC-3's front center is not turned down.
        graph = f"aevalsrc='{beep}':s={hertz}:d={PART_S},aformat=channel_layouts={layout}"
        ffmpeg("-f", "lavfi", "-i", graph, "-c:a", "ac3", "-b:a", "448k", names[-1])
    script = folder / "parts.txt"
    script.write_text("".join(f"file '{name}'\n" for name in names))
    return script


ONCE = (("5.1", HZ), ("stereo", HZ))
OFTEN = (("stereo", 32_000), ("5.1", HZ), ("mono", HZ), ("stereo", 32_000))


@pytest.mark.parametrize(
    ("container", "parts"),
    [("mkv", OFTEN), ("mp4", ONCE), ("ts", OFTEN)],
    ids=["mkv, three times, its rate too", "mp4, once", "ts, three times, its rate too"],
)
def test_what_changes_on_the_way_keeps_its_time(
    run_worker: RunWorker, tmp_path: Path, parts: tuple[tuple[str, int], ...], container: str
) -> None:
    script, source, out = make_parts(tmp_path, *parts), tmp_path / f"in.{container}", tmp_path / "o"
    seconds = int(PART_S * len(parts))
    joined = ("-f", "concat", "-safe", "0", "-i", script)
    ffmpeg(*video(seconds), *joined, *X264, "-c:a", "copy", "-t", seconds, source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    expected = [k + 0.5 for k in range(seconds)]
    # Of each part, the encoder's own delay: 256 samples.
    assert beeps_s(audio_playlist(out)) == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize(
    ("codec", "rates_hz", "restarts"),
    [
        ("aac", (HZ, 32_000, 16_000), False),
        ("aac", (HZ, 32_000, 16_000), True),
        ("mp2", (32_000, 44_100, HZ), False),
    ],
    ids=["aac", "aac, on a clock of its own each", "mp2"],
)
def test_a_rate_that_changes_in_a_broadcast_keeps_its_time(
    run_worker: RunWorker, tmp_path: Path, codec: str, rates_hz: Sequence[int], *, restarts: bool
) -> None:
    """Several frames travel in a PES packet, and the decoder finds the rate in the frames."""
    parts = []
    for i, hertz in enumerate(rates_hz):
        beep = f"aevalsrc='if(between(mod(t,1),0.5,0.54),sin(2*PI*1000*t),0)':s={hertz}:d=4"
        part = tmp_path / f"{i}.ts"
        times = ("-output_ts_offset", 0 if restarts else 4 * i)
        ffmpeg(*video(4), "-f", "lavfi", "-i", beep, *X264, "-c:a", codec, *times, part)
        parts.append(part.read_bytes())
    source, out = tmp_path / "in.ts", tmp_path / "out"
    source.write_bytes(b"".join(parts))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    found = beeps_s(audio_playlist(out))
    # A part on its own clock begins where the one before it ends, its encoder's delay included.
    assert found == pytest.approx([k + 0.5 for k in range(12)], abs=0.2 if restarts else 0.07)
    # Of each part its encoder's delay, and no more from one beep to the next.
    steps = [b - a for k, (a, b) in enumerate(pairwise(found), 1) if k % 4]
    assert steps == pytest.approx([1.0] * len(steps), abs=0.004)


def publish_tone(
    run_worker: RunWorker, folder: Path, times: str, *, seconds: int = 10
) -> tuple[Ended, Path]:
    """Publish a steady tone in packets of 20 ms, whose times are this expression, in ms."""
    even, source, out = folder / "even.mkv", folder / "in.mkv", folder / "out"
    graph = f"aevalsrc='0.5*sin(2*PI*500*t)':s={HZ}:d={seconds},asetnsamples=960"
    ffmpeg(*video(seconds), "-f", "lavfi", "-i", graph, *X264, "-c:a", "pcm_s16le", even)
    ffmpeg("-i", even, "-c", "copy", "-bsf:a", f"setts=ts='{times}'", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    return ended, out


def test_packets_that_come_late_are_no_gap(run_worker: RunWorker, tmp_path: Path) -> None:
    _, out = publish_tone(run_worker, tmp_path, f"PTS+{LATE}")
    assert breaks(samples(out)) == 0


def test_a_gap_among_late_packets_is_filled(run_worker: RunWorker, tmp_path: Path) -> None:
    _, out = publish_tone(run_worker, tmp_path, f"PTS+{LATE}+gte(N,250)*500")
    heard = samples(out)
    # Half a second, give or take the lateness.
    assert 85 < breaks(heard) < 115
    silence = [i for i in range(0, len(heard) - 240, 240) if not any(heard[i : i + 240])]
    assert silence[0] / HZ == pytest.approx(5.02, abs=0.05)


@pytest.mark.parametrize("factor", [1.0008, 0.9992])
def test_what_drifts_is_stretched_and_not_cut(
    run_worker: RunWorker, tmp_path: Path, factor: float
) -> None:
    """A drift of 48 ms in a minute: the tone goes on, and ends when it should."""
    _, out = publish_tone(run_worker, tmp_path, f"round(PTS*{factor})", seconds=60)
    heard = samples(out)
    assert breaks(heard) == 0
    steps = [
        b - a for a, b in pairwise(i for i, (x, y) in enumerate(pairwise(heard)) if x < 0 <= y)
    ]
    # 96 samples a wave. The encoder's noise moves a crossing by one or two.
    assert set(steps[100:-100]) <= set(range(93, 100))
    assert len(steps) == pytest.approx(60 * 500, abs=30)


def test_audio_that_breaks_on_the_way_is_reported(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    # The second half of the packets.
    noise = ("-bsf:a", "noise=amount='if(gte(n,42),1,0)'")
    ffmpeg(*video(8), *tone(8), *X264, "-c:a", "flac", *noise, source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (warning,) = ended.named("audio_incomplete")
    assert warning["length_s"] == pytest.approx(8, abs=0.1)
    assert 2 < warning["decoded_s"] < 6
    assert read_published(out).audio


def test_of_equal_tracks_the_one_that_is_heard_is_published(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mov", tmp_path / "out"
    silence = ("-f", "lavfi", "-i", "anullsrc=channel_layout=mono:sample_rate=48000")
    maps = ("-map", "0", "-map", "1", "-map", "2", "-t", "3", "-c:a", "pcm_s16le")
    ffmpeg(*video(3), *silence, *tone(3), *X264, *maps, source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (warning,) = ended.named("audio_silent")
    assert (warning["tracks"], warning["used"]) == ([1], 2)
    assert breaks(samples(out)) == 0


@pytest.mark.parametrize(
    ("graph", "side"),
    [
        ("sin(2*PI*440*t)/4|sin(2*PI*440*t)/4", "both"),
        ("sin(2*PI*440*t)/4|0", "left"),
        ("0|sin(2*PI*440*t)/4", "right"),
        ("sin(2*PI*440*t)/4|sin(2*PI*880*t)/4", None),
        # Alike but for a second of it.
        ("sin(2*PI*440*t)/4|if(between(t,3,4),0,sin(2*PI*440*t)/4)", None),
    ],
)
def test_stereo_of_one_channel_is_published_as_one(
    run_worker: RunWorker, tmp_path: Path, graph: str, side: str | None
) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    stereo = ("-f", "lavfi", "-i", f"aevalsrc='{graph}':c=stereo:s=48000:d=6")
    ffmpeg(*video(6), *stereo, *X264, "-c:a", "aac", "-b:a", "96k", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert [event["side"] for event in ended.named("audio_is_one_channel")] == [side] * bool(side)
    assert f'CHANNELS="{1 if side else 2}"' in (out / "master.m3u8").read_text()
    if side:
        # A sine of 0.25, as loud as it was.
        assert volume_db(audio_playlist(out)) == pytest.approx(-15.05, abs=0.3)


def test_many_microphones_are_added_up(run_worker: RunWorker, tmp_path: Path) -> None:
    """One of ten is spoken into."""
    source, out = tmp_path / "in.mov", tmp_path / "out"
    ten = "|".join(["0"] * 9 + ["0.5*sin(2*PI*440*t)"])
    # FFmpeg's own layouts of ten channels are none that a recorder writes.
    raw = tmp_path / "ten.raw"
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{ten}':s=48000:d=3", "-f", "s16le", raw)
    channels = ("-f", "s16le", "-ar", HZ, "-ac", 10, "-guess_layout_max", 0)
    ffmpeg(*video(3), *channels, "-i", raw, *X264, "-c:a", "copy", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("audio_mixed_without_positions")
    # 0.5 of one in ten: -9 dB of a sine, and -10 dB.
    assert volume_db(audio_playlist(out)) == pytest.approx(-19, abs=0.5)


def test_packets_of_several_frames_are_held_against_what_they_hold(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """AMR of phones: FFmpeg 5.1 decodes the first of the five frames of each packet."""
    source, out = media("oddities/mp4parser__multiTrack.3gp"), tmp_path / "out"
    ended = run_worker("--source", source, "--destination", out, "--preset", "superfast")
    assert ended.status == 0, ended.final
    words = ("-nostdin", "-v", "verbose", "-i", source, "-map", "0:a", "-f", "null", "-")
    report = subprocess.run(
        [TESTED["WORKER_FFMPEG"], *words], check=True, capture_output=True, text=True
    ).stderr
    decodes_all = int(re.findall(r"(\d+) samples\)", report)[0]) / 8000 > 69
    warnings = [round(event["length_s"], 1) for event in ended.named("audio_incomplete")]
    assert warnings == ([] if decodes_all else [69.9])
