"""Audio of uploads: its level, loudness, channels and language; audio that cannot be decoded."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, ffprobe
from tests.functional.hls import decode, read_published, read_rendition
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.source.programs import make_program, multiplex
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg


def audio_playlist(out: Path) -> Path:
    published = read_published(out)
    assert published.audio
    return published.audio.playlist


def volume_db(playlist: Path, *, kind: str = "mean", margin_s: float = 0) -> float:
    """Measure the level of published audio with FFmpeg's volumedetect."""
    end_s = read_rendition(playlist).duration_s - margin_s
    measured = f"asetpts=N/SR/TB,atrim=start={margin_s}:end={end_s},volumedetect"
    report = decode(playlist, "-af", measured, "-f", "null").stderr.decode()
    (level,) = re.findall(rf"{kind}_volume: (-?[\d.]+) dB", report)
    return float(level)


def frequency_of(playlist: Path) -> float:
    """Measure the frequency of a published tone by its zero crossings."""
    raw = decode(playlist, "-ac", 1, "-ar", 48_000, "-f", "s16le").stdout
    samples = memoryview(raw).cast("h")[48_000:96_000]
    return sum(a < 0 <= b for a, b in pairwise(samples))


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2)])
def test_mono_and_stereo_keep_their_channels_and_level(
    run_worker: RunWorker, tmp_path: Path, layout: str, channels: int
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    # Stereo of which the sides differ.
    heard = (*tone(3, layout=layout), "-af", "aeval=-val(0)|val(1):c=same")
    ffmpeg(*video(3), *heard[: 4 + 2 * (channels - 1)], *X264, "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert f'CHANNELS="{channels}"' in (out / "master.m3u8").read_text()
    entries = ("-show_entries", "stream=channels", "-print_format", "csv=p=0", audio_playlist(out))
    assert set(ffprobe(*entries).split()) == {str(channels)}
    # A sine of 0.25 is -12 dB at its peak and -15 dB in the mean.
    assert volume_db(audio_playlist(out)) == pytest.approx(-15.05, abs=0.3)


def test_six_channels_are_mixed_without_clipping(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    loud = tone(3, layout="5.1")
    ffmpeg(*video(3), *loud, *X264, "-af", "volume=3", "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    # Without the ends, at which the AAC encoder overshoots.
    assert -3 < volume_db(audio_playlist(out), kind="max", margin_s=0.5) < 0


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_loudness_is_brought_to_the_target(
    run_worker: RunWorker, tmp_path: Path, layout: str
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    loud = tone(6, hertz=1000, layout=layout)
    ffmpeg(*video(6), *loud, *X264, "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--loudness", "-23")
    assert ended.status == 0, ended.final
    # ITU-R BS.1770: a stereo sine of 1 kHz is 3 dB louder than each of its channels (-15.05), and
    # one channel is played on both sides.
    (measured,) = ended.named("loudness_measured")
    assert measured["lufs"] == pytest.approx(-12.0, abs=0.3)
    level = volume_db(audio_playlist(out))
    assert level == pytest.approx(-15.05 + measured["gain_db"], abs=0.3)


def test_the_requested_language_is_published(run_worker: RunWorker, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    tracks = ("-map", "0", "-map", "1", "-map", "2", *X264, "-c:a", "aac", "-ar", "48000")
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=kor")
    ffmpeg(*video(3), *tone(3, hertz=300), *tone(3, hertz=900), *tracks, *tags, source)
    for options, hertz, tag in (((), 300, "en"), (("--audio-language", "ko"), 900, "ko")):
        out = tmp_path / tag
        ended = run_worker("--source", source, "--destination", out, *SMALL, *options)
        assert ended.status == 0, ended.final
        assert f'LANGUAGE="{tag}"' in (out / "master.m3u8").read_text()
        assert frequency_of(audio_playlist(out)) == pytest.approx(hertz, abs=5)


def test_audio_that_cannot_be_decoded_is_left_out_with_a_warning(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    ffmpeg(*video(3), *tone(3), *X264, "-c:a", "pcm_s16le", source)
    # An unknown codec instead of the one that is there.
    source.write_bytes(source.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XXX/INT/LIT"))
    noise = tmp_path / "noise.mkv"
    ffmpeg(*video(3), *tone(3), *X264, "-c:a", "ac3", "-bsf:a", "noise=amount=1", noise)
    for path in (source, noise):
        ended = run_worker("--source", path, "--destination", out / path.stem, *SMALL)
        assert ended.status == 0, ended.final
        assert "AUDIO" not in (out / path.stem / "master.m3u8").read_text()
    assert ended.named("audio_undecodable")


def test_of_two_programs_the_audio_is_that_of_the_video(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """The larger video is the second program's; the first program's audio comes first."""
    source, out = tmp_path / "in.ts", tmp_path / "out"
    ffmpeg(
        *video(3, size="160x90"),
        *tone(3, hertz=500),
        *video(3),
        *tone(3, hertz=1000),
        *(word for index in range(4) for word in ("-map", index)),
        *(*X264, "-c:a", "aac", "-program", "st=0:st=1", "-program", "st=2:st=3", source),
    )
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert "RESOLUTION=320x180" in (out / "master.m3u8").read_text()
    assert frequency_of(audio_playlist(out)) == pytest.approx(1000, abs=5)


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_audio_that_begins_late_is_heard(
    run_worker: RunWorker, tmp_path: Path, suffix: str
) -> None:
    """Later than the seven seconds of MPEG that FFmpeg searches for tracks."""
    source, out = tmp_path / f"in.{suffix}", tmp_path / "out"
    codec = {"ts": "aac", "mpg": "mp2"}[suffix]
    ffmpeg(*video(16), "-itsoffset", 12, *tone(4), *X264, "-c:a", codec, source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    raw = decode(audio_playlist(out), "-ac", 1, "-ar", 48_000, "-f", "s16le").stdout
    samples = memoryview(raw).cast("h")
    assert len(samples) / 48_000 == pytest.approx(16, abs=0.1)
    heard_s = next(i for i, sample in enumerate(samples) if abs(sample) > 1000) / 48_000
    assert heard_s == pytest.approx(12, abs=0.05)


@pytest.mark.parametrize("starts_s", [(100, 4000), (4000, 100)])
def test_a_program_begins_on_its_own_clock(
    run_worker: RunWorker, tmp_path: Path, starts_s: tuple[int, int]
) -> None:
    """The container begins with the earlier one, an hour before or after the larger video."""
    source, out = tmp_path / "in.ts", tmp_path / "out"
    small, large = (
        make_program(
            tmp_path / f"{number}.ts", number, seconds=5, starts_s=at, size=size, hertz=500 * number
        )
        for number, at, size in zip((1, 2), starts_s, ("160x90", "320x180"), strict=True)
    )
    source.write_bytes(multiplex(small, large))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    published = read_published(out)
    (rung,) = published.rungs
    assert rung.duration_s == pytest.approx(5, abs=0.1)
    gray = ("-vf", "scale=16:9,format=gray", "-fps_mode", "passthrough", "-f", "rawvideo")
    pixels = decode(rung.playlist, *gray).stdout
    frames = {pixels[at : at + 144] for at in range(0, len(pixels), 144)}
    assert len(frames) > 100, "most of it stands still"
    assert frequency_of(audio_playlist(out)) == pytest.approx(1000, abs=5)


def test_audio_of_an_unknown_codec_is_reported(run_worker: RunWorker, tmp_path: Path) -> None:
    """As iPhones record it beside AAC (apac), where that is the only track."""
    source, out = tmp_path / "in.mov", tmp_path / "out"
    ffmpeg(*video(3), *tone(3), *X264, "-c:a", "aac", source)
    source.write_bytes(source.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"xxxx"))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (warning,) = ended.named("audio_undecodable")
    assert (warning["codec"], warning["track"]) == ("apac", 1)
    assert read_published(out).audio is None
