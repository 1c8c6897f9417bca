"""Uploads that are readable and refused: protected, cut, too long or too large."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import FFPROBE, ffmpeg
from tests.functional.hls import read_published
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize("tag", [b"encv\0", b"avc1\0"])
def test_a_protected_video_is_refused(run_worker: RunWorker, tmp_path: Path, tag: bytes) -> None:
    """By the name of its track, as files of shops have it, or by what its packets carry."""
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    key = "00112233445566778899aabbccddeeff"
    drm = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key)
    ffmpeg(*video(3), *tone(3), *X264, "-c:a", "aac", *drm, source)
    # FFmpeg's muxer leaves the plain name.
    source.write_bytes(source.read_bytes().replace(b"avc1\0", tag))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 65
    assert ended.final["code"] == "protected"
    assert "protected" in ended.final["message"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("in.gif", ()), ("in.avif", ("-c:v", "libsvtav1", "-preset", "10"))],
)
def test_a_still_image_is_no_video(
    run_worker: RunWorker, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    source = tmp_path / name
    ffmpeg(*video(1), "-frames:v", "1", *options, source)
    ended = run_worker("--source", source, "--destination", tmp_path / "out", *SMALL)
    assert (ended.status, ended.final.get("code")) == (65, "no_video"), ended.stdout
    assert "a still image, not a video" in ended.final["message"]
    moving = tmp_path / f"moving-{name}"
    ffmpeg(*video(1), *options, moving)
    ended = run_worker("--source", moving, "--destination", tmp_path / "2", *SMALL)
    # A build whose only decoder of AV1 needs hardware cannot show what moves.
    code = None if can_decode(moving) else "no_decoder"
    assert (ended.status, ended.final.get("code")) == (65 if code else 0, code), ended.stdout


@pytest.mark.parametrize(
    ("suffix", "longer"),
    [
        ("mkv", ("-i", "{srt}", "-c:s", "copy")),
        ("mp4", ("-i", "{srt}", "-c:s", "mov_text")),
        ("mp4", (*tone(60), "-c:a", "aac")),
    ],
    ids=["text in Matroska", "text in MP4", "a second track of audio in MP4"],
)
def test_a_longer_track_that_is_not_used_makes_no_file_a_truncated_one(
    run_worker: RunWorker, tmp_path: Path, suffix: str, longer: tuple[str, ...]
) -> None:
    """The container declares the length of its longest track."""
    text, source = tmp_path / "in.srt", tmp_path / f"in.{suffix}"
    text.write_text("1\n00:00:01,000 --> 00:01:00,000\nThe end comes late.\n")
    words = (word.format(srt=text) for word in longer)
    mapped = (word for index in range(3) for word in ("-map", index))
    ffmpeg(*video(8), *tone(8), *words, *mapped, *X264, "-c:a", "aac", source)
    ended = run_worker("--source", source, "--destination", tmp_path / "out", *SMALL)
    assert ended.status == 0, ended.final
    assert read_published(tmp_path / "out").rungs[0].duration_s == pytest.approx(8, abs=0.1)


def test_a_cut_file_with_text_is_a_truncated_one(run_worker: RunWorker, tmp_path: Path) -> None:
    text, source = tmp_path / "in.srt", tmp_path / "in.mkv"
    text.write_text("1\n00:00:01,000 --> 00:00:02,000\nA word.\n")
    ffmpeg(*video(8), *tone(8), "-i", text, *X264, "-c:a", "aac", "-c:s", "copy", source)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    ended = run_worker("--source", source, "--destination", tmp_path / "out", *SMALL)
    assert (ended.status, ended.final.get("code")) == (65, "truncated"), ended.stdout


@pytest.mark.parametrize("tag", [b"evc1", b"zzz1"])
def test_a_codec_without_a_decoder_is_named(
    run_worker: RunWorker, tmp_path: Path, tag: bytes
) -> None:
    """One that FFmpeg knows, in newer versions, and one that no FFmpeg knows."""
    source = tmp_path / "in.mp4"
    ffmpeg(*video(2), *tone(2), *X264, "-c:a", "aac", source)
    # The entry of the sample table, not the file's brand.
    head, _, rest = source.read_bytes().rpartition(b"avc1")
    source.write_bytes(head + tag + rest)
    ended = run_worker("--source", source, "--destination", tmp_path / "out", *SMALL)
    assert (ended.status, ended.final.get("code")) == (65, "no_decoder"), ended.stdout
    assert tag.decode().rstrip("1") in ended.final["message"]


def test_a_cut_upload_is_refused_and_published_as_far_as_it_goes_on_request(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    whole, source, out = tmp_path / "whole.mp4", tmp_path / "in.mp4", tmp_path / "out"
    ffmpeg(*video(20), *tone(20), *X264, "-c:a", "aac", "-movflags", "+faststart", whole)
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    refused = run_worker("--source", source, "--destination", out, *SMALL)
    assert refused.status == 65
    assert refused.final["code"] == "truncated"
    assert "truncated" in refused.final["message"]
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--allow-truncated")
    assert ended.status == 0, ended.final
    assert 7 < read_published(out).rungs[0].duration_s < 13


def can_decode(path: Path) -> bool:
    try:
        ffmpeg("-i", path, "-f", "null", "-")
    except subprocess.CalledProcessError:
        return False
    return True


@pytest.mark.parametrize(
    ("limit", "code", "words"),
    [
        (("--max-duration", "2"), "too_long", "longer than the 0:02"),
        (("--max-source-gib", "0.00001"), "too_large", "1e-05 GiB are accepted"),
    ],
)
def test_an_upload_beyond_a_limit_is_refused(
    run_worker: RunWorker,
    small_clip: Path,
    tmp_path: Path,
    limit: tuple[str, str],
    code: str,
    words: str,
) -> None:
    ended = run_worker("--source", small_clip, "--destination", tmp_path / "out", *limit)
    assert ended.status == 65
    assert ended.final["code"] == code
    assert words in ended.final["message"]


def test_a_video_of_which_most_frames_are_damaged_is_refused_however_often_it_is_submitted(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """All its segments are stored by then, with frames that stand for those that are missing."""
    source, out = tmp_path / "in.avi", tmp_path / "out"
    ffmpeg(*video(6), *tone(6), "-c:v", "mjpeg", "-c:a", "pcm_s16le", source)
    spoil_packets(source)
    for _ in range(2):
        ended = run_worker("--source", source, "--destination", out, *SMALL)
        assert (ended.status, ended.final.get("code")) == (65, "damaged"), ended.stdout
        assert "frames can be decoded" in ended.final["message"]
        assert not (out / "master.m3u8").exists()


def spoil_packets(path: Path) -> None:
    """Overwrite what three of five packets of video hold: with more FFmpeg itself would fail."""
    shown = ("-select_streams", "v", "-show_entries", "packet=pos,size", "-of", "csv=p=0")
    rows = subprocess.run(
        [FFPROBE, "-v", "error", *shown, path], capture_output=True, text=True, check=True
    ).stdout.split()
    data = bytearray(path.read_bytes())
    for i, row in enumerate(rows):
        size, pos = map(int, row.strip(",").split(","))
        if i % 5 > 1:
            # The header of its chunk comes first.
            data[pos + 8 : pos + 8 + size] = bytes(size)
    path.write_bytes(data)
