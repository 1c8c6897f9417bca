"""With `--audio-only allow` a lecture that is a voice alone is published, otherwise refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from tests.functional.conftest import FFMPEG, ROOT, ffmpeg, publish
from tests.functional.hls import (
    AAC_FRAME_S,
    Rendition,
    assert_strictly_valid,
    manifest_of,
    read_published,
)
from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.worker_process import FAST_LEASE, FAST_TEAM, RunWorker, StartWorker

ALLOW = ("--audio-only", "allow", "--segment", "2")
RATE_HZ = 48_000
SECONDS = 9.3
# A second of silence, then each half second a beep of another pitch.
BEEPS = "if(gte(t,1)*lt(mod(t,0.5),0.1),0.5*sin(2*PI*(300+60*t)*t),0)"
VOICE = f"aevalsrc='{BEEPS}':s=44100:d={SECONDS}"
# An MP3 is whole frames, of which the encoder needs one more than there is to hear.
MP3_REST_S = 2 * 1152 / 44_100
COVER_RGB = (200, 40, 90)
# It dies right before it publishes, with all segments in the store.
DIES = """
import os, signal, worker.publish.publish as module
module.put_all = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
"""
KEY_SECRET = "0123456789012345678901234567890123456789"
Samples: TypeAlias = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make an upload that is a voice alone, by its name."""
    folder = tmp_path_factory.mktemp("voice")
    cover = folder / "cover.jpg"
    color = f"color=0x{bytes(COVER_RGB).hex()}:size=1500x901"
    ffmpeg("-f", "lavfi", "-i", color, "-frames:v", 1, cover)
    attached = ("-map", 0, "-map", 1, "-c:v", "mjpeg", "-disposition:v", "attached_pic")
    words: dict[str, tuple[object, ...]] = {
        "voice.mp3": ("-c:a", "libmp3lame"),
        "cover.mp3": ("-i", cover, *attached, "-c:a", "libmp3lame"),
        "cover.m4a": ("-i", cover, *attached, "-c:a", "aac"),
        "phone.wav": ("-ar", 8000, "-ac", 1),
        "voice.ogg": ("-c:a", "libopus"),
        "voice.mp4": ("-c:a", "aac", "-ac", 2),
        "voice.webm": ("-c:a", "libopus"),
    }

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            ffmpeg("-f", "lavfi", "-i", VOICE, *words[name], path)
        return path

    return make


def samples(*source: object) -> Samples:
    command = [FFMPEG, "-loglevel", "error", *source, "-map", "0:a", "-ac", 1, "-ar", RATE_HZ]
    answer = subprocess.run(
        [*map(str, command), "-f", "f32le", "-"], capture_output=True, check=True, timeout=60
    )
    return np.frombuffer(answer.stdout, np.float32)


def published_samples(audio: Rendition) -> Samples:
    """Decode the segments in a row, without what the AAC encoder begins with."""
    return samples("-i", f"concat:{'|'.join(map(str, audio.segments))}")[1024:]


def lag(one: Samples, other: Samples) -> int:
    """By how many samples the first is later than the second."""
    size = 1 << (len(one) + len(other)).bit_length()
    product = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    at = int(np.argmax(np.fft.irfft(product, size)))
    return at - size if at > size // 2 else at


def image(path: Path, columns: int) -> npt.NDArray[np.uint8]:
    """Decode an image to so many columns of one pixel, in RGB."""
    command = [FFMPEG, "-loglevel", "error", "-i", path, "-vf", f"scale={columns}:1:flags=area"]
    answer = subprocess.run(
        [*map(str, command), "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return np.frombuffer(answer.stdout, np.uint8).reshape(columns, 3)


def assert_audio_alone(out: Path) -> Rendition:
    """One variant, of audio codecs only; records that know no video; all playlists valid."""
    manifest, published = manifest_of(out), read_published(out)
    assert_strictly_valid(published)
    (variant,) = published.variants.values()
    assert variant.keys() - {"SUBTITLES"} == {
        *("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "CLOSED-CAPTIONS")
    }
    assert variant["CODECS"] == "mp4a.40.2"
    master = (out / "master.m3u8").read_text()
    assert "TYPE=AUDIO" not in master
    assert "I-FRAME" not in master
    assert manifest["renditions"][0]["kind"] == "audio"
    assert {r["kind"] for r in manifest["renditions"]} <= {"audio", "subtitles"}
    none = ("frame_rate", "storyboard", "chapters_track")
    assert [manifest[key] for key in none] == [None] * len(none)
    assert manifest["source_media"]["video"] is None
    assert manifest["missing_rungs"] == []
    assert published.audio
    return published.audio


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "late_s"),
    [
        ("cover.mp3", MP3_REST_S),
        ("cover.m4a", 0),
        ("phone.wav", 0),
        ("voice.ogg", 0),
    ],
)
def test_a_voice_is_published_to_the_sample(
    name: str, late_s: float, voice: Callable[[str], Path], tmp_path: Path
) -> None:
    source = voice(name)
    out = publish(tmp_path, source, *ALLOW)
    audio = assert_audio_alone(out)
    assert -0.001 <= audio.duration_s - SECONDS <= late_s + AAC_FRAME_S
    found, expected = published_samples(audio), samples("-i", source)
    assert abs(lag(found, expected)) <= 2
    assert manifest_of(out)["duration_s"] == pytest.approx(SECONDS, abs=late_s + 1e-4)
    thumbnail, status = out / "thumbnail.jpg", json.loads((out / "status.json").read_text())
    assert status["outcome"]["exit_status"] == 0
    columns = image(thumbnail, 31)
    if name.startswith("cover"):
        assert columns == pytest.approx(np.array([COVER_RGB] * 31), abs=6)
    else:
        # Black is silence, up to the first second.
        lit = columns.max(axis=1) > 20
        assert not lit[: int(31 / SECONDS) - 1].any()
        assert lit[int(31 / SECONDS) + 1 :].mean() > 0.4


def test_what_comes_with_the_audio_is_published_and_an_audit_finds_no_fault(
    voice: Callable[[str], Path], run_worker: RunWorker, tmp_path: Path
) -> None:
    """Encrypted, in a layout that has nothing to mux into, with subtitles and a report."""
    out, subtitles = tmp_path / "out", tmp_path / "ko.srt"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:03,000\n안녕하세요\n")
    options = ("--audio", "muxed", "--report", "--chapters", "--tag", "course=voice")
    job = ("--source", voice("voice.mp4"), "--destination", out, *ALLOW, *options)
    encrypt = ("--encrypt", "--key-uri", "https://api.example/keys/{key_id}")
    environment = {"WORKER_KEY_SECRET": KEY_SECRET}
    ended = run_worker(*job, *encrypt, environment=environment)
    assert ended.status == 0, ended.stdout
    assert ended.final["rungs"] == []
    audio = assert_audio_alone(out)
    assert "#EXT-X-KEY:METHOD=AES-128" in audio.playlist.read_text()
    assert audio.segments[0].read_bytes()[:1] != b"G", "the first byte of a packet of MPEG-TS"
    # Subtitles are added without an encode, as to a video.
    texts = ("--subtitles", f"ko={subtitles}")
    words = tuple(word for word in job if word != "--report")
    ended = run_worker(*words, *encrypt, *texts, environment=environment)
    assert ended.status == 0, ended.stdout
    assert ended.named("step_started")[-2]["step"] == "publish"
    assert not any(event["step"] == "encode" for event in ended.named("step_started"))
    assert_audio_alone(out)
    (variant,) = read_published(out).variants.values()
    assert variant["SUBTITLES"] == "text"
    command = [sys.executable, "-m", "ops", "audit", str(tmp_path), "--json", "--deep"]
    audit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_job_that_died_is_continued_and_its_video_is_not_made_again(
    voice: Callable[[str], Path], run_worker: RunWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = ("--source", voice("voice.mp3"), "--destination", out, *ALLOW)
    assert run_worker(*job, before=FAST_LEASE + DIES).status == -9
    assert not (out / "master.m3u8").exists()
    resumed = run_worker(*job, before=FAST_LEASE)
    assert resumed.status == 0, resumed.stdout
    assert resumed.final["segments_resumed"] == resumed.final["segments"] > 0
    assert_audio_alone(out)
    # What is accepted is no part of what was made.
    again = run_worker(*job[:4], "--segment", "2")
    assert again.final["already_published"]


def test_one_machine_of_a_team_makes_it(
    voice: Callable[[str], Path], start_worker: StartWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = ("--source", voice("voice.mp3"), "--destination", out, *ALLOW, "--job-id", "team")
    machines = [start_worker(*job, "--machine", f"{k}/2", before=FAST_TEAM) for k in (1, 2)]
    ended = [machine.wait() for machine in machines]
    assert [each.status for each in ended] == [0, 0]
    reasons = [event["reason"] for each in ended for event in each.named("team_not_used")]
    assert reasons == ["it is audio alone, which one machine makes"]
    assert_audio_alone(out)


@pytest.mark.parametrize("name", ["voice.mp3", "phone.wav"])
def test_65_says_how_audio_is_published(
    name: str, voice: Callable[[str], Path], run_worker: RunWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = run_worker("--source", voice(name), "--destination", out)
    assert_failed(ended, out, 65, "audio but no video", "--audio-only allow")
    assert ended.final["code"] == "audio_only"


def test_65_where_there_is_neither(run_worker: RunWorker, tmp_path: Path) -> None:
    timed, source, out = tmp_path / "timed.mov", tmp_path / "data.mov", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=1:size=64x64", "-timecode", "00:00:00:00", timed)
    ffmpeg("-i", timed, "-map", "0:d", "-c", "copy", source)
    ended = run_worker("--source", source, "--destination", out, *ALLOW)
    assert_failed(ended, out, 65, "no video track", "found: data")
    assert ended.final["code"] == "no_video"


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", ["voice.mp3", "phone.wav"])
def test_65_half_of_it_is_truncated(
    name: str, voice: Callable[[str], Path], run_worker: RunWorker, tmp_path: Path
) -> None:
    data = voice(name).read_bytes()
    source, out = tmp_path / name, tmp_path / "out"
    source.write_bytes(data[: len(data) // 2])
    ended = run_worker("--source", source, "--destination", out, *ALLOW)
    assert_failed(ended, out, 65, "truncated")
    assert ended.final["code"] == "truncated"


@pytest.mark.ffmpeg
def test_recordings_that_were_put_end_to_end_follow_each_other(
    voice: Callable[[str], Path], tmp_path: Path
) -> None:
    source = tmp_path / "both.webm"
    source.write_bytes(2 * voice("voice.webm").read_bytes())
    audio = assert_audio_alone(publish(tmp_path, source, *ALLOW))
    assert audio.duration_s == pytest.approx(2 * SECONDS, abs=0.05 + AAC_FRAME_S)


@pytest.mark.ffmpeg
def test_parts_and_clips_of_it_are_published_to_the_sample(
    voice: Callable[[str], Path], tmp_path: Path
) -> None:
    """With a chapter at the joint."""
    sources = (voice("cover.m4a"), "--source", voice("phone.wav"))
    start_s, end_s = 2.25, 16.1
    out = publish(tmp_path, *sources, *ALLOW, "--from", start_s, "--to", end_s)
    manifest, published = manifest_of(out), read_published(out)
    assert manifest["duration_s"] == pytest.approx(end_s - start_s, abs=1e-4)
    assert [c["start_s"] for c in manifest["chapters"]] == [0, pytest.approx(SECONDS - start_s)]
    assert published.audio
    found = published_samples(published.audio)
    whole = np.concatenate([samples("-i", voice(name)) for name in ("cover.m4a", "phone.wav")])
    assert abs(lag(found, whole[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)])) <= 2


def test_65_a_part_without_video_beside_one_with_video_is_named(
    voice: Callable[[str], Path], small_clip: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    out, sources = tmp_path / "out", ("--source", small_clip, "--source", voice("voice.mp3"))
    ended = run_worker(*sources, "--destination", out, *ALLOW)
    assert_failed(ended, out, 65, "part 2 of 2 (voice.mp3)", "audio but no video")
    ended = run_worker(*sources, "--destination", out)
    assert_failed(ended, out, 65, "part 2 of 2 (voice.mp3)", "if no part has video, submit it")


def test_65_most_of_it_cannot_be_decoded(
    voice: Callable[[str], Path], run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "void.mp4", tmp_path / "out"
    ffmpeg("-i", voice("voice.mp4"), "-c", "copy", "-movflags", "+faststart", source)
    data = source.read_bytes()
    kept = round(0.4 * len(data))
    source.write_bytes(data[:kept] + bytes(len(data) - kept))
    ended = run_worker("--source", source, "--destination", out, *ALLOW)
    assert_failed(ended, out, 65, "can be decoded")
    assert ended.final["code"] == "damaged"
