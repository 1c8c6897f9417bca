"""The commands for audio, compared as lists."""

from __future__ import annotations

import re
from array import array
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.unit.ffmpeg.test_commands import SOURCE, after, filled
from tests.unit.sample import AUDIO, VIDEO, media, packets, plan, plan_of
from worker.ffmpeg.audio import (
    DECODED,
    decode_audio,
    decoded_rate_hz,
    encode_audio,
    encode_laid_audio,
    lay_audio,
)
from worker.media.audio_clock import AudioClock, Stretch
from worker.media.frame_clock import FrameClock
from worker.media.streams import AudioStream, Media, Mix
from worker.plan.parts import UNHEARD, Heard, PreparedFile
from worker.plan.plan import AudioPlan
from worker.runtime.command import Command

MONO = replace(AUDIO, channels=1)


def encoded(stream: AudioStream, heard: Heard = UNHEARD) -> Command:
    a_plan = plan_of(PreparedFile(media=media(audio=stream), heard=heard))
    assert a_plan.audio
    return encode_audio(a_plan, a_plan.audio)


def test_audio_is_decoded_to_one_layout_and_rate() -> None:
    argv = filled(decode_audio(media(), SOURCE))
    (graph,) = after(argv, "-filter_complex")
    assert graph == (
        "[0:1]asetpts=round(PTS--10.000000/TB)[s0];"
        "[s0]aformat=channel_layouts=stereo:sample_fmts=fltp:sample_rates=48000[s1]"
    )
    assert after(argv, "-f") == ["nut"]
    assert argv[-1] != "-t"
    assert "-t" in filled(decode_audio(media(), SOURCE, is_trial=True))


@pytest.mark.parametrize(("container", "fills_in"), [("mpegts", False), ("matroska,webm", True)])
def test_times_within_a_pes_packet_are_those_of_the_samples(
    container: str, *, fills_in: bool
) -> None:
    argv = filled(decode_audio(media(container=container), SOURCE))
    assert after(argv, "-fflags") == ([] if fills_in else ["nofillin"])


def test_frames_of_mpeg_audio_are_where_packets_of_their_rate_are() -> None:
    """FFmpeg 5.1 gives the first frame of another rate its time times the ratio of both."""
    clock = AudioClock(
        stretches=(
            Stretch(packet_s=0.036, start_s=0.0, end_s=4.0),
            Stretch(packet_s=0.0261, start_s=4.0, end_s=8.0),
            Stretch(packet_s=0.036, start_s=8.0, end_s=12.0),
        )
    )
    stream = replace(AUDIO, codec="mp2", packets=replace(AUDIO.packets, clock=clock))
    (graph,) = after(filled(decode_audio(media(audio=stream), SOURCE)), "-filter_complex")
    low = "(not(eq(sample_rate,32000))+between(t,9.750,14.250)+between(t,17.750,22.250))"
    high = "(not(eq(sample_rate,44100))+between(t,13.750,18.250))"
    assert f"aselect={low}*{high}" in graph.replace("\\", "")
    other = replace(stream, codec="aac")
    (graph,) = after(filled(decode_audio(media(audio=other), SOURCE)), "-filter_complex")
    assert "aselect" not in graph


@pytest.mark.parametrize(("own_hz", "decoded_hz"), [(44_100, 44_100), (16_000, 48_000)])
def test_audio_keeps_its_rate_until_it_is_laid_on_its_time(own_hz: int, decoded_hz: int) -> None:
    assert decoded_rate_hz(replace(AUDIO, sample_rate_hz=own_hz)) == decoded_hz


def test_audio_is_timed_filled_and_cut_to_the_video() -> None:
    argv = filled(encoded(AUDIO))
    (graph,) = after(argv, "-filter_complex")
    assert graph == (
        "[0:0]asetpts=PTS-10.000000/TB[s0];"
        "[s0]aresample=48000:async=1:first_pts=0:min_hard_comp=0.02[s1];[s1]apad[s2];"
        "[s2]atrim=end=13.333333[s3]"
    )
    assert after(argv, "-segment_list") == ["pipe:8"]
    assert after(argv, "-b:a") == ["112000"]
    # What decodes is read to its end.
    assert after(argv, "-map") == ["[s3]", "0:a"]


def test_packets_that_come_late_are_no_gap_and_what_drifts_is_stretched() -> None:
    clock = AudioClock(length_s=13.0, spread_s=0.06, jitter_s=0.03)
    stream = replace(AUDIO, packets=replace(AUDIO.packets, clock=clock))
    argv = filled(encoded(stream))
    (graph,) = after(argv, "-filter_complex")
    assert "min_hard_comp=0.07" in graph
    assert "min_comp=0.065" in graph
    assert "async=96" in graph


@pytest.mark.parametrize(
    ("channels", "heard", "filters"),
    [
        (1, Heard(), []),
        (2, Heard(), []),
        (2, Heard(gain_db=-3.5), ["volume=-3.50dB"]),
        (2, Heard(gain_db=4.0), ["volume=4.00dB", "alimiter"]),
        (2, Heard(side="right"), ["pan=args=mono|c0=c1"]),
        (6, Heard(), ["alimiter"]),
    ],
)
def test_audio_is_brought_to_its_level_and_nothing_clips(
    channels: int, heard: Heard, filters: list[str]
) -> None:
    stream = replace(AUDIO, channels=channels)
    argv = filled(encoded(stream, heard))
    chain = re.findall(r"\]([a-z]+(?:=[^\[;]*)?)", after(argv, "-filter_complex")[0])
    chain = [word.replace("\\", "") for word in chain][1 : 1 + len(filters)]
    assert [word[: len(expected)] for word, expected in zip(chain, filters, strict=True)] == filters


@pytest.mark.parametrize(
    ("mix", "channels", "graph"),
    [
        ("positions", 6, "aformat=channel_layouts=stereo"),
        ("sum", 9, "mono|c0=0.3333*c0+0.3333*c1"),
        ("first", 4, "mono|c0=c0[s1]"),
    ],
)
def test_channels_are_mixed_by_position_or_all_alike(mix: Mix, channels: int, graph: str) -> None:
    stream = replace(AUDIO, channels=channels, mix=mix)
    argv = filled(decode_audio(media(audio=stream), SOURCE))
    assert graph in after(argv, "-filter_complex")[0].replace("\\", "")
    audio = plan(audio=stream).audio
    assert audio
    assert audio.channels == (2 if mix == "positions" else 1)


def test_a_source_without_audio_has_no_audio_command() -> None:
    with pytest.raises(ValueError, match="no audio"):
        encode_audio(plan(audio=None), AudioPlan(channels=1, bit_rate_bps=64_000))
    assert plan(audio=None).audio is None


def test_the_second_track_may_be_the_chosen_one() -> None:
    argv = filled(decode_audio(media(audio=replace(AUDIO, index=3)), SOURCE))
    assert "[0:3]asetpts" in after(argv, "-filter_complex")[0]


def clipped(container: str) -> Media:
    """A file from 10.5 s on."""
    return media(container=container).starting_at(Fraction(21, 2))


def test_audio_of_a_clip_is_sought_and_cut_to_the_sample() -> None:
    argv = filled(decode_audio(clipped("mov,mp4,m4a"), SOURCE, length_s=Fraction(4)))
    assert after(argv, "-ss") == ["8.500000"]
    assert "-noaccurate_seek" in argv
    (graph,) = after(argv, "-filter_complex")
    assert "asetpts=round(PTS-0.500000/TB)" in graph
    assert "atrim=start=10.000000" in graph
    assert "atrim=end=15.000000" in graph


def played(start_s: float, end_s: float) -> AudioStream:
    """A track whose packets, of a tenth of a second, are within these times."""
    times_s = array("d", (start_s + i / 10 for i in range(round((end_s - start_s) * 10))))
    return replace(AUDIO, packets=replace(packets(len(times_s), rate=10), times_s=times_s))


@pytest.mark.parametrize(
    ("heard_s", "clip", "has_samples"),
    [
        ((0, 5), ("--from", "6"), False),
        ((0, 5), ("--from", "4.8"), True),
        ((8, 13), ("--to", "7"), False),
        ((8, 13), ("--to", "8.2"), True),
        ((0, 5), (), True),
    ],
)
def test_a_clip_without_samples_is_silent_and_nothing_is_decoded(
    heard_s: tuple[float, float], clip: tuple[str, ...], *, has_samples: bool
) -> None:
    """A track may end before the video; FFmpeg opens no NUT without a packet."""
    a_file = PreparedFile(media=media(audio=played(*heard_s)))
    a_plan = plan_of(a_file, *clip)
    assert a_plan.audio
    assert a_plan.parts[0].has_samples(a_plan.grid.rate) is has_samples
    argv = filled(encode_audio(a_plan, a_plan.audio))
    (graph,) = after(argv, "-filter_complex")
    assert ("anullsrc" in " ".join(argv), f"file:{DECODED}" in argv) == (
        not has_samples,
        has_samples,
    )
    assert f"atrim=end={float(a_plan.grid.duration_s):.6f}" in graph
    assert after(argv, "-segment_list") == ["pipe:8"]


def test_where_times_are_rounded_samples_are_counted_from_the_start() -> None:
    """Matroska has milliseconds: 48 samples may begin at one of them."""
    matroska = clipped("matroska,webm")
    argv = filled(decode_audio(matroska, SOURCE))
    assert after(argv, "-ss") == []
    assert "atrim" not in after(argv, "-filter_complex")[0]
    (part,) = plan().parts
    a_plan = replace(plan(), parts=(replace(part, media=matroska),))
    assert a_plan.audio
    (graph,) = after(filled(encode_audio(a_plan, a_plan.audio)), "-filter_complex")
    assert "first_pts=0:min_comp=1e-05:min_hard_comp=0.02" in graph
    assert "atrim=start_sample=504000" in graph
    assert "asetpts=N/SR/TB" in graph


def test_parts_are_laid_as_many_samples_as_their_frames_last_for() -> None:
    """On the grid of 30000/1001 a second no frame lasts for whole samples: they do not add up."""
    rate = Fraction(30_000, 1001)
    steady = replace(VIDEO, clock=FrameClock(rate=rate, is_steady=True))
    files = (PreparedFile(media=media(video=steady, audio=audio)) for audio in (AUDIO, MONO, None))
    a_plan = plan_of(*files)
    assert a_plan.audio
    graphs = [" ".join(filled(lay_audio(a_plan, a_plan.audio, index))) for index in range(3)]
    lengths = [int(re.findall(r"end_sample=(\d+)", graph)[0]) for graph in graphs]
    assert sum(lengths) == round(a_plan.grid.total_frames / rate * 48_000)
    assert ["stereo|c0=c0|c1=c0" in graph.replace("\\", "") for graph in graphs] == [
        *(False, True, False)
    ]
    assert ["anullsrc" in graph for graph in graphs] == [False, False, True]
    argv = filled(encode_laid_audio(a_plan, a_plan.audio))
    assert after(argv, "-ch_layout") == ["stereo"]
    assert after(argv, "-segment_list") == ["pipe:8"]
