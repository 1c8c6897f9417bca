"""What teachers' recorders make: clocks that start anew, odd sound, several tracks, fields."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.conftest import Run, ffmpeg, ffprobe
from tests.functional.hls import (
    assert_strictly_valid,
    decode,
    files,
    read_published,
    read_rendition,
)

pytestmark = pytest.mark.ffmpeg

SMALL = ("--ladder", "180")


def pictures(seconds: int, *, size: str = "320x180", rate: int = 25) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def tone(seconds: int, *, hertz: int = 440, layout: str = "mono") -> tuple[str, ...]:
    expression = "|".join(
        [f"0.25*sin(2*PI*{hertz}*t)"] * {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    )
    graph = f"aevalsrc='{expression}':c={layout}:s=48000:d={seconds}"
    return ("-f", "lavfi", "-i", graph)


X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25")


def sound_of(out: Path) -> Path:
    published = read_published(out)
    assert published.audio
    return published.audio.playlist


def volume_db(playlist: Path, *, kind: str = "mean") -> float:
    """Level of a published sound, as FFmpeg's volumedetect tells it."""
    said = decode(playlist, "-af", "volumedetect", "-f", "null").stderr.decode()
    (told,) = re.findall(rf"{kind}_volume: (-?[\d.]+) dB", said)
    return float(told)


def frequency_of(playlist: Path) -> float:
    """Frequency of a published tone, counted in zero crossings."""
    raw = decode(playlist, "-ac", 1, "-ar", 48_000, "-f", "s16le").stdout
    samples = memoryview(raw).cast("h")[48_000:96_000]
    return sum(a < 0 <= b for a, b in pairwise(samples))


@pytest.mark.parametrize("second_start_s", [0, 5000], ids=["from zero", "hours later"])
def test_recordings_put_end_to_end_play_through(
    run_worker: Run, tmp_path: Path, second_start_s: int
) -> None:
    parts = []
    for i, start_s in enumerate((0, second_start_s)):
        part = tmp_path / f"part{i}.ts"
        encoded = (*X264, "-c:a", "aac", "-output_ts_offset", start_s)
        ffmpeg(*pictures(4), *tone(4), *encoded, part)
        parts.append(part.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    out = tmp_path / "out"
    ended = run_worker("--source", tmp_path / "both.ts", "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("timestamps_repaired")
    published = read_published(out)
    for rendition in (*published.rungs, published.audio):
        assert rendition
        assert rendition.duration_s == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2)])
def test_the_level_of_mono_and_stereo_stays(
    run_worker: Run, tmp_path: Path, layout: str, channels: int
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    ffmpeg(*pictures(3), *tone(3, layout=layout), *X264, "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert f'CHANNELS="{channels}"' in (out / "master.m3u8").read_text()
    told = ("-show_entries", "stream=channels", "-print_format", "csv=p=0", sound_of(out))
    assert set(ffprobe(*told).split()) == {str(channels)}
    # A sine of 0.25 is -12 dB at its peak and -15 dB in the mean.
    assert volume_db(sound_of(out)) == pytest.approx(-15.05, abs=0.3)


def test_six_channels_are_mixed_without_clipping(run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    loud = tone(3, layout="5.1")
    ffmpeg(*pictures(3), *loud, *X264, "-af", "volume=3", "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert -3 < volume_db(sound_of(out), kind="max") < 0


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_loudness_is_brought_to_the_target(run_worker: Run, tmp_path: Path, layout: str) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    loud = tone(6, hertz=1000, layout=layout)
    ffmpeg(*pictures(6), *loud, *X264, "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--loudness", "-23")
    assert ended.status == 0, ended.final
    # ITU-R BS.1770: a stereo sine of 1 kHz is 3 dB louder than each of its channels (-15.05), and
    # one channel is played on both sides.
    (measured,) = ended.named("loudness_measured")
    assert measured["lufs"] == pytest.approx(-12.0, abs=0.3)
    level = volume_db(sound_of(out))
    assert level == pytest.approx(-15.05 + measured["gain_db"], abs=0.3)


def test_the_language_asked_for_is_taken(run_worker: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    tracks = ("-map", "0", "-map", "1", "-map", "2", *X264, "-c:a", "aac", "-ar", "48000")
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=kor")
    ffmpeg(*pictures(3), *tone(3, hertz=300), *tone(3, hertz=900), *tracks, *tags, source)
    for asked, hertz, tag in (((), 300, "en"), (("--audio-language", "ko"), 900, "ko")):
        out = tmp_path / tag
        ended = run_worker("--source", source, "--destination", out, *SMALL, *asked)
        assert ended.status == 0, ended.final
        assert f'LANGUAGE="{tag}"' in (out / "master.m3u8").read_text()
        found = frequency_of(sound_of(out))
        assert found == pytest.approx(hertz, abs=5)


def test_sound_that_cannot_be_decoded_is_left_out_with_a_warning(
    run_worker: Run, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    ffmpeg(*pictures(3), *tone(3), *X264, "-c:a", "pcm_s16le", source)
    # A codec that nobody knows, in the very place of the one that is there.
    source.write_bytes(source.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XXX/INT/LIT"))
    noise = tmp_path / "noise.mkv"
    ffmpeg(*pictures(3), *tone(3), *X264, "-c:a", "ac3", "-bsf:a", "noise=amount=1", noise)
    for path in (source, noise):
        ended = run_worker("--source", path, "--destination", out / path.stem, *SMALL)
        assert ended.status == 0, ended.final
        assert "AUDIO" not in (out / path.stem / "master.m3u8").read_text()
    assert ended.named("audio_undecodable")


def test_fields_become_pictures(run_worker: Run, tmp_path: Path) -> None:
    """A bar that moves fast leaves no comb: neighbouring lines are alike again."""
    source, out = tmp_path / "in.mpg", tmp_path / "out"
    moving = "color=black:s=720x576:r=50:d=4,drawbox=x=0:y=0:w=90:h=576:c=white:t=fill"
    graph = f"{moving}[b];color=black:s=720x576:r=50:d=4[c];[c][b]overlay=x='mod(t*900,800)-90'"
    fields = ("-flags", "+ildct+ilme", "-top", "1")
    argv = ("-filter_complex", f"{graph},interlace=scan=tff:lowpass=off[v]", "-map", "[v]")
    ffmpeg(*argv, *fields, "-c:v", "mpeg2video", "-b:v", "8M", source)
    assert "field_order=tt" in ffprobe("-show_entries", "stream=field_order", source)
    ended = run_worker("--source", source, "--destination", out, "--ladder", "576")
    assert ended.status == 0, ended.final
    top = read_published(out).rungs[0].playlist
    middle = "format=gray,trim=start_frame=20:end_frame=40"
    raw = decode(top, "-vf", middle, "-f", "rawvideo").stdout
    assert "RESOLUTION=720x576" in (out / "master.m3u8").read_text()
    width = 720
    lines = [raw[i : i + width] for i in range(0, len(raw), width)]
    combed = sum(
        abs(a - b) > 100 and abs(a - c) < 50
        for one, two, three in zip(lines[::2], lines[1::2], lines[2::2], strict=False)
        for a, b, c in zip(one[::8], two[::8], three[::8], strict=True)
    )
    assert combed < 0.001 * len(raw) / 16


def test_protected_video_is_refused(run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    key = "00112233445566778899aabbccddeeff"
    drm = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key)
    ffmpeg(*pictures(3), *tone(3), *X264, "-c:a", "aac", *drm, source)
    # What a shop's protection calls such a track; FFmpeg's own leaves its name.
    source.write_bytes(source.read_bytes().replace(b"avc1\0", b"encv\0"))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 65
    assert "protected" in ended.final["message"]


def test_what_is_there_of_a_cut_upload_is_published_on_request(
    run_worker: Run, tmp_path: Path
) -> None:
    whole, source, out = tmp_path / "whole.mp4", tmp_path / "in.mp4", tmp_path / "out"
    ffmpeg(*pictures(20), *tone(20), *X264, "-c:a", "aac", "-movflags", "+faststart", whole)
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    refused = run_worker("--source", source, "--destination", out, *SMALL)
    assert refused.status == 65
    assert "truncated" in refused.final["message"]
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--allow-truncated")
    assert ended.status == 0, ended.final
    assert 7 < read_published(out).rungs[0].duration_s < 13


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (("--max-duration", "2"), "longer than the 0:02"),
        (("--max-source-gib", "0.00001"), "more than the 1e-05 GiB"),
    ],
)
def test_what_is_too_long_or_too_large_is_refused(
    run_worker: Run, small_clip: Path, tmp_path: Path, limit: tuple[str, str], words: str
) -> None:
    ended = run_worker("--source", small_clip, "--destination", tmp_path / "out", *limit)
    assert ended.status == 65
    assert words in ended.final["message"]


def test_pictures_that_change_their_size_on_the_way_keep_their_time(
    run_worker: Run, tmp_path: Path
) -> None:
    """A call recorded by a browser: the other side turns its phone."""
    parts = []
    for i, size in enumerate(("320x180", "180x320", "640x360")):
        part = tmp_path / f"part{i}.ts"
        ffmpeg(*pictures(4, size=size), *X264, "-output_ts_offset", 4 * i, part)
        parts.append(part.read_bytes())
    (tmp_path / "all.ts").write_bytes(b"".join(parts))
    out = tmp_path / "out"
    ended = run_worker("--source", tmp_path / "all.ts", "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    assert rung.duration_s == pytest.approx(12, abs=0.05)
    counted = ffprobe("-count_frames", "-show_entries", "stream=nb_read_frames", rung.playlist)
    assert "nb_read_frames=300" in counted


def test_text_subtitles_become_renditions(run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    subtitles = []
    for i, words in enumerate(("안녕하세요", "Good morning")):
        path = tmp_path / f"{i}.srt"
        path.write_text(f"1\n00:00:01,000 --> 00:00:02,500\n{words}\n\n")
        subtitles += ["-i", path]
    tags = ("-metadata:s:s:0", "language=kor", "-metadata:s:s:1", "language=eng")
    maps = [word for i in range(4) for word in ("-map", i)]
    encoded = (*X264, "-c:a", "aac", "-c:s", "srt")
    ffmpeg(*pictures(4), *tone(4), *subtitles, *maps, *encoded, *tags, source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    master = (out / "master.m3u8").read_text()
    assert 'TYPE=SUBTITLES,GROUP-ID="text",NAME="Korean",LANGUAGE="ko",DEFAULT=NO' in master
    for line in master.splitlines():
        assert not line.startswith("#EXT-X-STREAM-INF") or 'SUBTITLES="text"' in line
    published = read_published(out)
    text = read_rendition(published.rungs[0].folder.with_name("text0") / "index.m3u8")
    assert text.duration_s == pytest.approx(4, abs=0.05)
    # Where the container starts with the AAC encoder's priming, the picture is 21 ms behind it.
    said = text.segments[0].read_text()
    assert re.search(r"00:00:01\.0[02]\d --> 00:00:02\.5[02]\d\n안녕하세요", said)
    assert_strictly_valid(published)


def test_a_track_of_too_many_cues_is_left_out_alone(run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    cue = "00:00:0{0},000 --> 00:00:0{0},900\nword\n\n"
    for name, count in (("many", 3), ("few", 2)):
        cues = (f"{k + 1}\n" + cue.format(k) for k in range(count))
        (tmp_path / f"{name}.srt").write_text("".join(cues))
    texts = [word for name in ("many", "few") for word in ("-i", tmp_path / f"{name}.srt")]
    maps = [word for i in range(3) for word in ("-map", i)]
    ffmpeg(*pictures(4), *texts, *maps, *X264, "-c:s", "srt", source)
    ended = run_worker(
        *("--source", source, "--destination", out, *SMALL),
        before="import worker.hls.webvtt as webvtt; webvtt.MAX_CUES = 2",
    )
    assert ended.status == 0, ended.final
    (left_out,) = ended.named("subtitles_left_out")
    assert left_out["reason"] == "text0 cannot be used: there are more than 2 cues"
    master = (out / "master.m3u8").read_text()
    assert "text1/index.m3u8" in master
    assert "text0/index.m3u8" not in master


def test_where_a_phone_was_stays_in_the_upload(run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    place = ("-metadata", "location=+37.5665+126.9780/", "-metadata", "title=Kimberley's lecture")
    device = ("-metadata:s:v:0", "handler_name=Kimberley's phone", "-movflags", "use_metadata_tags")
    ffmpeg(*pictures(3), *tone(3), *X264, "-c:a", "aac", *place, *device, source)
    assert b"37.5665" in source.read_bytes()
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    for name, content in files(out).items():
        assert b"37.5665" not in content, name
        # Not a name of three letters, which may turn up in any megabyte of pictures.
        assert b"Kimberley" not in content, name
