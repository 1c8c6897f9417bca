"""The filters of speech, and what they print."""

from __future__ import annotations

import re
from array import array
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.unit.ffmpeg.test_commands import after, filled
from tests.unit.sample import MEDIA, plan_of
from worker.ffmpeg.audio import encode_audio, measure_audio
from worker.ffmpeg.speech.measure import BANDS, LINES, VOICE, read_speech
from worker.plan.parts import Heard, PreparedFile
from worker.plan.speech import LINES_HZ, Cleaning


def chain(cleaning: Cleaning | None) -> list[str]:
    return re.findall(r"\]([a-z]+)", graph_of(Heard(gain_db=3, cleaning=cleaning)))


def graph_of(heard: Heard) -> str:
    a_plan = plan_of(PreparedFile(media=MEDIA, heard=heard))
    assert a_plan.audio
    return after(filled(encode_audio(a_plan, a_plan.audio)), "-filter_complex")[0]


def test_speech_is_laid_before_it_is_cleaned_and_raised_after() -> None:
    shape = ["asetpts", "aresample", "highpass"]
    rest = ["acompressor", "volume", "alimiter", "aresample", "apad", "atrim"]
    assert chain(Cleaning()) == [*shape, *rest]
    noise = ["apad", "afftdn", "atrim", "asetpts"]
    everything = Cleaning(noise_db=(-40,) * 8, hum_hz=(50, 100))
    assert chain(everything) == [*shape, "bandreject", "bandreject", *noise, *rest]
    assert "highpass" not in chain(None)


@pytest.mark.parametrize(
    ("noise_db", "floor", "bands"),
    [
        ((-40,) * 8, -36, "0|0|0|0|0|0|0|0|0|0|0|0|0|0|0"),
        # Not beyond what FFmpeg accepts.
        ((-100,) * 8, -80, "0|0|0|0|0|0|0|0|0|0|0|0|0|0|0"),
        ((-10, -20, -30, -40, -50, -60, -70, -80), -47, None),
    ],
)
def test_the_filter_is_given_the_noise(
    noise_db: tuple[int, ...], floor: int, bands: str | None
) -> None:
    graph = graph_of(Heard(cleaning=Cleaning(noise_db=noise_db)))
    assert f"noise_floor={floor}:" in graph
    (given,) = re.findall(r"band_noise=([-0-9|\\]+)", graph)
    if bands:
        assert given.replace("\\", "") == bands
    else:
        values = [int(value) for value in given.replace("\\", "").split("|")]
        assert values == sorted(values, reverse=True)
        assert max(map(abs, values)) <= 24


@pytest.mark.parametrize(("level_db", "threshold_db"), [(-20, -24), (-56, -60), (-67, -60)])
def test_words_of_any_level_are_evened_within_what_ffmpeg_accepts(
    level_db: int, threshold_db: int
) -> None:
    """Its least threshold is 0.000976563, which is -60.2 dB."""
    graph = graph_of(Heard(cleaning=Cleaning(level_db=level_db)))
    assert f"threshold={threshold_db}dB" in graph


def test_only_ten_minutes_of_a_long_recording_are_measured() -> None:
    def graph(speech_s: float) -> str:
        argv = filled(measure_audio(MEDIA, has_loudness=True, speech_s=speech_s))
        return after(argv, "-filter_complex")[0].replace("\\", "")

    assert "aselect" not in graph(600)
    assert "aselect=lt(mod(t,24.0),4.0)" in graph(3600)


@pytest.mark.parametrize(
    ("container", "begins_s"), [("mov,mp4,m4a", "10.000000"), ("matroska,webm", "7210.000000")]
)
def test_speech_of_a_clip_is_measured_from_its_own_zero(container: str, begins_s: str) -> None:
    """Or two hours of silence would be laid before it, in memory."""
    late = replace(MEDIA, container=container).starting_at(Fraction(7200))
    argv = filled(measure_audio(late, has_loudness=True, heard=Heard(cleaning=Cleaning())))
    graph = after(argv, "-filter_complex")[0]
    timed, filled_up = f"asetpts=PTS-{begins_s}/TB", "aresample=48000:async=1:first_pts=0"
    assert 0 < graph.index(timed) < graph.index(filled_up)


def test_what_is_printed_is_read() -> None:
    window = ["frame:0    pts:0       pts_time:0"]
    bands = [f"lavfi.astats.{i}.RMS_level=-{40 + i}.5" for i in range(1, 9)]
    lines = [f"lavfi.astats.{i}.RMS_level=-inf" for i in range(1, len(LINES_HZ) + 1)]
    voice = ["lavfi.aspectralstats.1.flatness=0.61", "lavfi.astats.1.RMS_level=-30.25"]
    read = read_speech({BANDS: window + bands, LINES: window + lines, VOICE: window + voice})
    assert [list(band) for band in read.bands_db] == [[-40.5 - i] for i in range(1, 9)]
    assert read.lines_db == (array("d", [float("-inf")]),) * len(LINES_HZ)
    assert (list(read.voice_db), list(read.flatness)) == ([-30.25], [0.61])
