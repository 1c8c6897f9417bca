"""Every FFmpeg that is started, and the parts of FFmpeg that they need."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.ffmpeg.test_commands import ALL, SOURCE, after, filled
from tests.unit.sample import AUDIO, MEDIA, VIDEO, packets, plan, plan_of
from worker.ffmpeg.audio import (
    DECODED,
    LAID,
    decode_audio,
    encode_audio,
    encode_laid_audio,
    lay_audio,
    measure_audio,
)
from worker.ffmpeg.capabilities import NEEDED_PARTS
from worker.ffmpeg.encode import encode_video
from worker.ffmpeg.inputs import show_packets, show_texts
from worker.ffmpeg.remux import (
    USER_DATA_FILTERS,
    copy_tracks,
    copy_webvtt,
    extract_user_data,
    list_download,
    rewrite_timestamps,
    write_download,
)
from worker.ffmpeg.stream_copy import copy_video, list_idrs
from worker.images.commands import (
    convert_cover,
    draw_waveform,
    make_thumbnails,
    measure_frames,
    pick_thumbnail,
)
from worker.images.storyboard import lay_out
from worker.media.audio_clock import AudioClock, Stretch
from worker.media.orientation import Orientation
from worker.media.streams import TextStream
from worker.plan.parts import Heard, PreparedFile
from worker.plan.plan import AudioPlan, Plan, Span
from worker.plan.speech import Cleaning
from worker.source.sample_encode import choose_samples, encode_samples

ROOT = Path(__file__).resolve().parents[3]


def all_ffmpegs() -> list[list[str]]:
    """Every FFmpeg that the worker starts, in as many forms as it takes to use every part."""
    interlaced = replace(VIDEO, is_interlaced=True, color_transfer="smpte2084")
    turned = replace(VIDEO, orientation=Orientation(is_turned=True))
    upside_down = replace(VIDEO, orientation=Orientation(swaps_sides=True, swaps_top=True))
    text = TextStream(index=2, codec="subrip", language="ko", title=None, is_forced=False)
    a_plan = plan(texts=(text,))
    whole = Span(first=0, end=a_plan.grid.segment_count, rungs=ALL, preset="faster")
    # Of less there is one sample, which needs no concat.
    long = plan(video=replace(VIDEO, packets=packets(30 * 240, rate=30)), declared_s=None)
    samples = choose_samples(long)
    assert samples
    clock = AudioClock(
        stretches=tuple(Stretch(packet_s=s, start_s=0.0, end_s=4.0) for s in (0.036, 0.024))
    )
    of_two_rates = replace(AUDIO, codec="mp2", packets=replace(AUDIO.packets, clock=clock))
    left = Heard(gain_db=3, side="left")
    heard = plan_of(PreparedFile(media=MEDIA, heard=left))
    silent = replace(MEDIA, audio=None)
    files = [PreparedFile(media=each) for each in (MEDIA, silent)]
    joined = plan_of(*files, PreparedFile(media=MEDIA, heard=left))
    (part,) = a_plan.parts
    begun = replace(part, media=MEDIA.starting_at(Fraction(6)))
    clipped = replace(a_plan, parts=(begun,))
    cleaning = Cleaning(noise_db=(-40,) * 8, hum_hz=(50, 100))
    cleaned = plan_of(PreparedFile(media=MEDIA, heard=Heard(cleaning=cleaning)))
    shifts = {VIDEO.index: [(0, 1.0)], AUDIO.index: [(0, 1.0)]}
    commands = [
        *(
            encode_video(plan(video=video), whole, SOURCE)
            for video in (interlaced, turned, upside_down)
        ),
        encode_samples(long, samples, SOURCE, rungs=long.rungs),
        list_idrs(a_plan, SOURCE),
        copy_video(a_plan, SOURCE),
        copy_video(clipped, SOURCE),
        encode_audio(heard, audio_of(heard)),
        encode_laid_audio(joined, audio_of(joined)),
        *(lay_audio(joined, audio_of(joined), index) for index in range(len(joined.parts))),
        decode_audio(MEDIA, SOURCE),
        decode_audio(MEDIA, SOURCE, is_trial=True),
        decode_audio(replace(MEDIA, audio=of_two_rates), SOURCE),
        measure_audio(MEDIA, has_loudness=True, speech_s=60),
        measure_audio(MEDIA, has_loudness=True, speech_s=3600),
        encode_audio(cleaned, audio_of(cleaned)),
        *(
            rewrite_timestamps(MEDIA, SOURCE, "repaired", container=container, shifts=shifts)
            for container in ("mpegts", "matroska")
        ),
        copy_tracks(SOURCE, "joined.mkv"),
        write_download("d.mp4", container="mp4", video=SOURCE, audio=SOURCE),
        write_download("d.m4a", container="m4a", video=None, audio=SOURCE),
        list_download(SOURCE, ["video", "audio"]),
        copy_webvtt(a_plan.texts, SOURCE),
        *(extract_user_data(replace(VIDEO, codec=codec), SOURCE) for codec in USER_DATA_FILTERS),
        measure_frames(SOURCE, lay_out(7, 854, 480)),
        make_thumbnails(SOURCE, a_plan.rungs[0]),
        pick_thumbnail(a_plan, SOURCE, at_s=1, output="t.jpg"),
        convert_cover(1, SOURCE),
        draw_waveform(SOURCE, Fraction(60)),
    ]
    return [filled(command) for command in commands]


def audio_of(a_plan: Plan) -> AudioPlan:
    assert a_plan.audio
    return a_plan.audio


def calls(tree: ast.AST) -> set[str]:
    found = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {function.id for function in found if isinstance(function, ast.Name)}


def test_no_ffmpeg_is_left_out_of_these_tests() -> None:
    trees = (ast.parse(path.read_text()) for path in (ROOT / "worker").rglob("*.py"))
    functions = (f for tree in trees for f in tree.body if isinstance(f, ast.FunctionDef))
    builders = {function.name for function in functions if "ffmpeg_command" in calls(function)}
    assert len(builders) > 10
    assert builders - calls(ast.parse(inspect.getsource(all_ffmpegs))) == set()


# What FFmpeg's configure calls a part.
CONFIGURED = {"f32le": "pcm_f32le"}
# What FFmpeg takes for a muxer where no encoder is named; only audio goes to `null`.
UNNAMED = {"image2": "mjpeg", "rawvideo": "rawvideo", "null": "pcm_s16le"}
OPTIONS = {
    "muxers": {"-f", "-segment_format"},
    "encoders": {"-vcodec", "-acodec", "-c", "-c:s"},
    "bsfs": {"-bsf:v", "-bsf:a"},
}


def parts_of(argv: list[str], kind: str) -> set[str]:
    """Name what of a kind an FFmpeg uses."""
    if kind == "filters":
        graphs = after(argv, "-filter_complex")
        return {name for graph in graphs for name in re.findall(r"\]([a-z0-9]+)=?", graph)}
    # What comes before is of the inputs, whose `-f` is a demuxer.
    written = argv[len(argv) - argv[::-1].index("-i") :]
    named = {value for option in OPTIONS[kind] for value in after(written, option)}
    if kind == "encoders" and not named:
        named = {UNNAMED[muxer] for muxer in parts_of(argv, "muxers")}
    if kind == "bsfs":
        # In a chain, whose expressions may hold commas.
        chains = (re.sub("'[^']*'", "", value).split(",") for value in named)
        named = {each for chain in chains for each in chain}
    return {value.partition("=")[0] for value in named} - {"copy"}


@pytest.mark.parametrize("kind", ["filters", "bsfs", "muxers", "encoders"])
def test_the_self_check_asks_for_the_parts_that_are_used(kind: str) -> None:
    used = {name for argv in all_ffmpegs() for name in parts_of(argv, kind)}
    assert used == set(NEEDED_PARTS[kind])


@pytest.mark.parametrize("kind", NEEDED_PARTS)
def test_the_images_ffmpeg_is_built_with_the_parts_that_are_needed(kind: str) -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--disable-everything" not in text
    needed = {CONFIGURED.get(part, part) for part in NEEDED_PARTS[kind]}
    one = kind.removesuffix("s")
    lists = {
        done: {
            name
            for names in re.findall(rf"--{done}-{one}=(\S+)", text)
            for name in names.split(",")
        }
        for done in ("enable", "disable")
    }
    assert needed.isdisjoint(lists["disable"])
    if f"--disable-{kind} " in text:
        assert needed - lists["enable"] == set()


def test_names_are_data_and_the_input_is_guarded_everywhere() -> None:
    probes = [filled(show(SOURCE)) for show in (show_packets, show_texts)]
    for argv in [*all_ffmpegs(), *probes]:
        if any(word.startswith("anullsrc") for word in argv):
            # Silence has no file.
            continue
        laid = argv.count(f"file:{LAID}")
        inputs = argv.count(f"file:{SOURCE}") + argv.count(f"file:{DECODED}")
        assert inputs + laid == max(1, argv.count("-i"))
        assert after(argv, "-protocol_whitelist") == ["file"] * (inputs + laid)
        if laid:
            # What the worker's own FFmpeg writes is not probed.
            assert after(argv, "-f")[0] == "f32le"
            continue
        (demuxers,) = set(after(argv, "-format_whitelist"))
        assert {"hls", "concat", "sdp", "image2", "dash"}.isdisjoint(demuxers.split(","))
        assert argv.index("-protocol_whitelist") < min(
            argv.index(path) for path in (f"file:{SOURCE}", f"file:{DECODED}") if path in argv
        )


def test_no_filter_is_used_that_the_self_check_does_not_ask_for() -> None:
    """Not even in a form of a command that is not among those above."""
    used = {
        node.args[0].value
        for path in (ROOT / "worker").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"filter", "filter_multi_output"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert "aselect" in used
    assert used - set(NEEDED_PARTS["filters"]) == set()
