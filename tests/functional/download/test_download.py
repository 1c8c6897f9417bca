"""A file beside the HLS: the same frames and samples, added and taken away without an encode."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, Server, ffmpeg, ffprobe
from tests.functional.hls import manifest_of, named
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.worker_process import RunWorker
from worker.hls.master import uris

# Frames that repeat are dropped, and the last one is held.
STILL = ("-f", "lavfi", "-i", "color=c=navy:size=320x180:rate=30000/1001:duration=7.3")


def hashes(path: Path, *options: object) -> list[str]:
    """Decode a file, and return what each frame holds and when it is shown."""
    words = [FFMPEG, "-nostdin", "-v", "error", "-i", path, *options, "-f", "framehash", "-"]
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, text=True)
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return [f"{row[2].strip()} {row[-1].strip()}" for row in rows]


def segments(folder: Path) -> str:
    """Name a rendition's segments, in a row, as FFmpeg reads them."""
    playlist = named(folder, "index.m3u8")
    return "concat:" + "|".join(str(folder / name) for name in uris(playlist.read_text()))


def tags(path: Path) -> list[str]:
    """Name what a file begins with, as far as the samples."""
    data, at, found = path.read_bytes(), 0, list[str]()
    while at < len(data):
        found.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4])
    return found


def shown(path: Path) -> list[str]:
    entries = "stream=codec_name,nb_frames,start_time,duration:format=start_time"
    return ffprobe("-show_entries", entries, "-of", "compact=nk=1:p=0", path).split()


@pytest.mark.ffmpeg
def test_it_has_the_frames_and_samples_of_the_top_rung_and_the_audio(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    ffmpeg(*video(7, rate=24), *tone(7), *X264, "-c:a", "aac", source)
    words = ("--source", source, "--destination", out, "--ladder", "180,90", "--segment", "2")
    ended = run_worker(*words, "--download", "mp4", "--download", "m4a", "--audio", "muxed")
    assert ended.status == 0, ended.final
    (run,) = (path for path in out.iterdir() if path.is_dir())
    whole, alone = named(run, "download.mp4"), named(run, "download.m4a")
    assert shown(whole) == [
        *("h264|0.000000|7.000000|168", "aac|0.000000|7.018667|330", "0.000000"),
    ]
    assert shown(alone) == ["aac|0.000000|7.018667|330", "0.000000"]
    # Times of the grid, in ticks: the segments' own begin at 10 s.
    ticks = ("-map", "v", "-fps_mode", "passthrough", "-enc_time_base", "1/90000")
    assert hashes(whole, *ticks) == hashes_from_zero(segments(run / "180p"), ticks)
    samples = ("-map", "a", "-f", "s16le")
    assert pcm(whole, *samples) == pcm(alone, *samples)
    assert tags(whole)[:2] == tags(alone)[:2] == ["ftyp", "moov"]
    records = {each["format"]: each for each in manifest_of(out)["downloads"]}
    assert records["mp4"]["key"] == whole.relative_to(out).as_posix()
    assert records["mp4"]["bytes"] == whole.stat().st_size
    assert (records["mp4"]["content_type"], records["m4a"]["content_type"]) == (
        "video/mp4",
        "audio/mp4",
    )


def hashes_from_zero(path: str, options: tuple[str, ...]) -> list[str]:
    rows = [row.split() for row in hashes(Path(path), "-copyts", *options)]
    return [f"{int(pts) - 900_000} {digest}" for pts, digest in rows]


def pcm(path: Path, *options: str) -> bytes:
    words = [FFMPEG, "-nostdin", "-v", "error", "-i", path, *options, "-"]
    return subprocess.run([*map(str, words)], check=True, capture_output=True).stdout


@pytest.mark.ffmpeg
def test_it_goes_on_where_segments_of_another_preset_follow(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """A job that went on with a faster preset: its parameter sets change in the stream."""
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    ffmpeg(*video(8), *X264, source)
    words = ("--source", source, "--destination", out, "--ladder", "180", "--segment", "2")
    assert run_worker(*words, "--preset", "slow").status == 0
    (run,) = (path for path in out.iterdir() if path.is_dir())
    for name in ("master.m3u8", "manifest.json"):
        (out / name).unlink()
    for path in (run / "180p").glob("0000[23].*.ts"):
        path.unlink()
    ended = run_worker(*words, "--preset", "ultrafast", "--download", "mp4")
    assert ended.status == 0, ended.final
    assert ended.final["segments_resumed"] == 2
    ticks = ("-map", "v", "-fps_mode", "passthrough", "-enc_time_base", "1/90000")
    frames = hashes(named(run, "download.mp4"), *ticks)
    assert len(frames) > 100
    assert frames == hashes_from_zero(segments(run / "180p"), ticks)


@pytest.mark.ffmpeg
def test_one_is_added_and_taken_away_without_an_encode(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """Also of a silent video, whose last frame is held to its end; it has no m4a."""
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    ffmpeg(*STILL, *X264, source)
    words = ("--source", source, "--destination", out, *SMALL)
    assert run_worker(*words).status == 0
    master = (out / "master.m3u8").read_bytes()
    added = run_worker(*words, "--download", "mp4", "--download", "m4a")
    assert added.status == 0, added.final
    assert added.named("span_started") == added.named("planned") == []
    (left_out,) = added.named("download_left_out")
    assert left_out["format"] == "m4a"
    assert (out / "master.m3u8").read_bytes() == master
    (run,) = (path for path in out.iterdir() if path.is_dir())
    duration_s = manifest_of(out)["duration_s"]
    assert float(shown(named(run, "download.mp4"))[0].split("|")[2]) == pytest.approx(
        duration_s, abs=0.0001
    )
    again = run_worker(*words, "--download", "m4a", "--download", "mp4")
    assert again.final["already_published"] is True
    assert run_worker(*words).status == 0
    assert manifest_of(out)["downloads"] == []
    # Viewers may be loading it: it stays until the next publication.
    assert run_worker(*words, "--chapters").status == 0
    assert run_worker(*words).status == 0
    assert list(out.rglob("download*")) == []


def test_browsers_save_it_under_the_name_of_the_upload(
    moto: Server, run_worker: RunWorker, tmp_path: Path
) -> None:
    source = tmp_path / "강의 1.mp4"
    ffmpeg(*video(2), *X264, source)
    moto.make_bucket("downloads")
    ended = run_worker(
        *("--source", source, "--destination", "s3://downloads/talk", *SMALL),
        *("--download", "mp4", "--s3-endpoint", moto.endpoint),
    )
    assert ended.status == 0, ended.final
    (made,) = ended.named("download_made")
    head = moto.client().head_object(Bucket="downloads", Key=f"talk/{made['key']}")
    assert head["ContentType"] == "video/mp4"
    assert "filename*=UTF-8''%EA%B0%95%EC%9D%98%201.mp4" in head["ContentDisposition"]


def test_it_is_refused_with_encryption(run_worker: RunWorker, tmp_path: Path) -> None:
    ended = run_worker(
        *("--source", tmp_path / "in.mp4", "--destination", tmp_path / "out", "--encrypt"),
        *("--key-uri", "https://api.example/{key_id}", "--download", "mp4"),
        environment={"WORKER_KEY_SECRET": "0123456789012345678901234567890123"},
    )
    assert ended.status == 64
    assert "clear file" in ended.final["message"]
