"""`--speech clean`: noise goes, the voice stays, each sample keeps its time; no more is touched."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.encode import voices
from tests.functional.encode.voices import Samples
from tests.functional.hls import decode, read_published
from tests.functional.source.generated import SMALL, X264, video
from tests.functional.worker_process import RunWorker
from worker.ffmpeg.speech.clean import RATE_HZ
from worker.plan.speech import Cleaning

pytestmark = pytest.mark.ffmpeg

EVERYTHING = Cleaning(noise_db=(-40, -42, -45, -50, -52, -55, -60, -60), hum_hz=(50, 100, 150))


@pytest.fixture(scope="module")
def voice() -> Samples:
    return voices.speak()


def noise(name: str, count: int) -> Samples:
    if name.startswith("hum"):
        return voices.hum(count, int(name[3:]))
    return {"white": voices.white, "fan": voices.fan}[name](count)


# The least gains are about two thirds of what was measured (docs/speech.md).
@pytest.mark.parametrize(
    ("name", "snr_db", "least_snr_gain_db", "least_estoi_gain"),
    [
        ("white", 5, 4, 0.03),
        ("white", 20, 4, -0.02),
        ("fan", 5, 2.2, 0.05),
        ("fan", 20, 1, 0),
        ("hum50", 5, 10, 0.1),
        ("hum60", 20, 3, 0),
    ],
)
def test_noise_and_hum_go_and_the_voice_stays(
    tmp_path: Path,
    voice: Samples,
    name: str,
    snr_db: float,
    least_snr_gain_db: float,
    least_estoi_gain: float,
) -> None:
    heard = voices.mixed(voice, noise(name, len(voice)), snr_db)
    tried = voices.listen_to(tmp_path, heard)
    cleaned, shaped = tried.cleaned(), tried.shaped(voice)
    snr = voices.segmental_snr_db(voice, heard), voices.segmental_snr_db(shaped, cleaned)
    estoi = voices.estoi(voice, heard), voices.estoi(voice, cleaned)
    print(f"{name}: segmental SNR {snr[0]:.1f} → {snr[1]:.1f} dB,", end=" ")
    print(f"ESTOI {estoi[0]:.3f} → {estoi[1]:.3f}")
    assert snr[1] - snr[0] >= least_snr_gain_db
    assert estoi[1] - estoi[0] >= least_estoi_gain


def test_speech_without_noise_hardly_changes_and_its_pauses_stay_silent(
    tmp_path: Path, voice: Samples
) -> None:
    tried = voices.listen_to(tmp_path, voice)
    assert tried.heard.cleaning
    assert not tried.heard.cleaning.noise_db
    assert not tried.heard.cleaning.hum_hz
    cleaned = tried.cleaned()
    assert len(cleaned) == len(voice)
    assert voices.estoi(voice, cleaned) > 0.98
    assert voices.spectral_difference_db(voice, cleaned) < 1.6
    assert not np.any(np.abs(cleaned[: RATE_HZ // 2 - 1]) > 1e-6)
    assert tried.heard.gain_db > 0


def test_a_voice_that_is_hardly_recorded_is_cleaned(tmp_path: Path, voice: Samples) -> None:
    """Words are evened from 4 dB below its loudness on, or from the least that FFmpeg accepts."""
    tried = voices.listen_to(tmp_path, voice * np.float32(0.01))
    assert tried.heard.cleaning
    assert tried.heard.cleaning.level_db < -57
    assert tried.heard.gain_db == 30
    assert voices.estoi(voice, tried.cleaned()) > 0.98


def test_what_is_no_speech_is_left_alone(tmp_path: Path, voice: Samples) -> None:
    count = len(voice)
    others = {
        "music": voices.music(count),
        "a voice over music": voices.mixed(voice, voices.music(count), 10),
        "silence": np.zeros(count, np.float32),
        "noise": 0.05 * voices.white(count),
    }
    cleaned = {name for name, it in others.items() if voices.listen_to(tmp_path, it).heard.cleaning}
    assert cleaned == set()


def test_music_and_silence_within_noisy_speech_hardly_change(
    tmp_path: Path, voice: Samples
) -> None:
    """The noise of pauses is taken out of music, too: it is far below it."""
    noisy = voices.mixed(voice, voices.fan(len(voice)), 25)
    music, silence = voices.music(5 * RATE_HZ), np.zeros(2 * RATE_HZ, np.float32)
    tried = voices.listen_to(tmp_path, np.concatenate([noisy, silence, music]))
    assert tried.heard.cleaning
    assert tried.heard.cleaning.noise_db
    cleaned = tried.cleaned()
    begin = len(noisy) + len(silence)
    difference_db = voices.spectral_difference_db(music, cleaned[begin:])
    print(f"music differs by {difference_db:.2f} dB")
    assert difference_db < 1.2
    assert np.abs(cleaned[len(noisy) + RATE_HZ // 4 : begin - RATE_HZ // 4]).max() < 1e-5


@pytest.mark.parametrize("count", [RATE_HZ, 2 * RATE_HZ + 123])
def test_a_click_stays_where_it_is_to_the_sample(tmp_path: Path, count: int) -> None:
    clicks = (1, 5000, count // 2, count - 2)
    samples = np.zeros(count, np.float32)
    samples[list(clicks)] = 0.5
    cleaned = voices.clean(voices.write(tmp_path / "in.mkv", samples), EVERYTHING)
    assert len(cleaned) == count
    for at in clicks:
        near = cleaned[max(0, at - 100) : at + 101]
        assert max(0, at - 100) + int(np.argmax(np.abs(near))) == at


def test_a_published_lecture_is_cleaned_and_at_minus_16_lufs(
    run_worker: RunWorker, tmp_path: Path, voice: Samples
) -> None:
    noisy = voices.mixed(voice, voices.fan(len(voice)), 10)
    audio, source = voices.write(tmp_path / "audio.mkv", noisy), tmp_path / "in.mkv"
    seconds = len(noisy) // RATE_HZ
    ffmpeg(*video(seconds), "-i", audio, *X264, "-c:a", "copy", source)
    published = {}
    for option in ("off", "clean"):
        out = tmp_path / option
        ended = run_worker("--source", source, "--destination", out, *SMALL, "--speech", option)
        assert ended.status == 0, ended.final
        found = read_published(out).audio
        assert found
        playlist = found.playlist
        raw = decode(playlist, "-f", "f32le", "-ac", 1, "-ar", RATE_HZ).stdout
        published[option] = np.frombuffer(raw, np.float32)
    assert ended.named("speech_cleaned")
    report = decode(playlist, "-af", "ebur128=dualmono=1", "-f", "null").stderr.decode()
    assert float(re.findall(r"I:\s+(-?[\d.]+) LUFS", report)[-1]) == pytest.approx(-16, abs=0.6)
    # All frequencies alike: the lowest ones lose some of their phase.
    before, after = (np.fft.rfft(samples) for samples in published.values())
    shared = after * before.conj()
    assert int(np.argmax(np.fft.irfft(shared / (np.abs(shared) + 1e-9)))) == 0
