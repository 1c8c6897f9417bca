"""Speech of a program, what is heard beside it, and how good speech is after that."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import ffmpeg as graph
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.functional.conftest import FFMPEG, TESTED
from tests.functional.span_frames import workspace
from tests.unit.sample import AUDIO, media
from worker.ffmpeg.speech.clean import RATE_HZ, clean_speech
from worker.plan.parts import Heard, Window
from worker.plan.speech import Cleaning
from worker.runtime.workspace import Tools
from worker.source.audio_check import listen

Samples = NDArray[np.float32]

TEXT = (
    "The first law says that energy is neither made nor lost. It only changes its form."
    " Look at the curve on the left: it rises, and then it falls. What happens at the top?"
)
_FRAME = RATE_HZ // 50
_MAINS = (1.0, 0.7, 0.5, 0.3, 0.3, 0.15, 0.15)


def speak() -> Samples:
    """Make half a second of silence, some sentences, and half a second again, at -20 dB."""
    if not shutil.which("espeak-ng"):
        pytest.skip("no espeak-ng (Debian: espeak-ng)")
    spoken = subprocess.run(
        ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", TEXT], check=True, capture_output=True
    ).stdout
    voice = _run(FFMPEG, "-i", "-", "-f", "f32le", "-ac", "1", "-ar", RATE_HZ, "-", data=spoken)
    pause = np.zeros(RATE_HZ // 2, np.float32)
    return np.concatenate([pause, voice * np.float32(0.1 / rms(loud(voice))), pause])


def white(count: int) -> Samples:
    return np.random.default_rng(1).standard_normal(count).astype(np.float32)


def fan(count: int) -> Samples:
    """Make noise that falls by 6 dB an octave from 250 Hz on, in gusts, with a whine."""
    hertz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum = np.fft.rfft(white(count)) / np.sqrt(1 + (hertz / 250) ** 2) * (hertz > 25)
    noise = np.fft.irfft(spectrum, count)
    t = np.arange(count) / RATE_HZ
    whine = 0.3 * np.sin(2 * np.pi * 117 * t) + 0.15 * np.sin(2 * np.pi * 234 * t)
    gusts = 1 + 0.1 * np.sin(2 * np.pi * 0.7 * t)
    return ((noise / rms(noise) + whine) * gusts).astype(np.float32)


def hum(count: int, mains_hz: int) -> Samples:
    """Make the hum of mains, with a little noise."""
    t = np.arange(count) / RATE_HZ
    waves = (a * np.sin(2 * np.pi * mains_hz * k * t + k) for k, a in enumerate(_MAINS, 1))
    return (sum(waves) + 0.01 * white(count)).astype(np.float32)


def music(count: int) -> Samples:
    """Make a melody of plucked strings over chords, with a drum."""
    chance = np.random.default_rng(3)
    t = np.arange(count) / RATE_HZ
    made = np.zeros(count)
    for begin in range(0, count, RATE_HZ // 4):
        s = t[: min(count - begin, RATE_HZ)]
        hertz = chance.choice([220, 261.6, 329.6, 392, 440, 523.3])
        tones = sum(np.sin(2 * np.pi * hertz * k * s) / k**1.3 for k in range(1, 9))
        made[begin : begin + len(s)] += 0.3 * tones * np.exp(-3 * s) * (1 - np.exp(-300 * s))
    for begin in range(0, count, RATE_HZ // 2):
        s = t[: min(count - begin, RATE_HZ // 8)]
        beat = 0.15 * np.exp(-40 * s)
        made[begin : begin + len(s)] += chance.standard_normal(len(s)) * beat
    chord = (np.sin(2 * np.pi * hz * k * t) / k for hz in (110, 164.8, 220) for k in range(1, 6))
    made += 0.06 * sum(chord)
    return (made * 0.1 / rms(made)).astype(np.float32)


def mixed(voice: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add noise: this much below the voice where that is heard."""
    scale = rms(loud(voice)) / rms(noise) * 10 ** (-snr_db / 20)
    return voice + noise * np.float32(scale)


@dataclass(frozen=True)
class Tried:
    """Samples before and after, and what was found and done."""

    samples: Samples
    heard: Heard
    path: Path

    def cleaned(self) -> Samples:
        """Return the samples as they are published, but for their gain and the AAC encoder."""
        assert self.heard.cleaning
        return clean(self.path, self.heard.cleaning)

    def shaped(self, voice: Samples) -> Samples:
        """Return the voice alone with everything done to it but the reduction of noise."""
        assert self.heard.cleaning
        path = write(self.path.with_name("voice.mkv"), voice)
        return clean(path, replace(self.heard.cleaning, noise_db=(), hum_hz=()))


def listen_to(folder: Path, samples: Samples) -> Tried:
    """Listen to an upload of these samples as a job with `--speech clean` does."""
    path = write(folder / "in.mkv", samples)
    track = replace(AUDIO, index=0, codec="pcm_f32le", channels=1, layout="mono")
    tools = Tools(ffmpeg=TESTED["WORKER_FFMPEG"], ffprobe=TESTED["WORKER_FFPROBE"])
    where = replace(workspace(folder), tools=tools)
    whole = Window(start_s=Fraction(0), end_s=Fraction(len(samples), RATE_HZ))
    of_audio = media(audio=track)
    _, heard = listen(of_audio, path, where, whole, loudness_lufs=None, cleans_speech=True)
    return Tried(samples, heard, path)


def write(path: Path, samples: Samples) -> Path:
    options = ("-f", "f32le", "-ac", "1", "-ar", RATE_HZ, "-i", "-", "-c:a", "pcm_f32le", path)
    _run(FFMPEG, "-y", *options, data=samples.tobytes())
    return path


def clean(path: Path, cleaning: Cleaning) -> Samples:
    track = clean_speech(graph.input(str(path))["a:0"], cleaning, {"async": 1})
    return _run(*graph.compile(graph.output(track, "-", f="f32le"), TESTED["WORKER_FFMPEG"]))


def segmental_snr_db(voice: Samples, heard: Samples) -> float:
    """Return the mean ratio of voice to what is no voice, over 20 ms, where there is voice."""
    count = min(len(voice), len(heard)) // _FRAME * _FRAME
    voice, heard = voice[:count], heard[:count]
    heard = heard * (np.dot(voice, heard) / np.dot(heard, heard))
    power = np.mean(voice.reshape(-1, _FRAME) ** 2, axis=1)
    rest = np.mean((voice - heard).reshape(-1, _FRAME) ** 2, axis=1)
    ratios = 10 * np.log10(power / (rest + 1e-12) + 1e-12)
    return float(np.mean(np.clip(ratios, -10, 35)[power > 1e-4 * power.max()]))


def estoi(voice: Samples, heard: Samples) -> float:
    """Return the extended short-time objective intelligibility: 1 for the voice itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pystoi import stoi

        count = min(len(voice), len(heard))
        return float(stoi(voice[:count], heard[:count], RATE_HZ, extended=True))


def spectral_difference_db(before: Samples, after: Samples) -> float:
    """Return by how much magnitudes differ, of all that are heard, at the same level."""
    size = 2048
    count = len(before) // size * size
    a, b = (np.abs(np.fft.rfft(x[:count].reshape(-1, size) * np.hanning(size))) + 1e-6
            for x in (before, after))  # fmt: skip
    b *= np.sqrt(np.sum(a**2) / np.sum(b**2))
    return float(np.mean(np.abs(20 * np.log10(a / b))[a > a.max() / 1000]))


def rms(samples: Samples | NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def loud(voice: Samples) -> Samples:
    heard: Samples = voice[np.abs(voice) > 0.03 * np.abs(voice).max()]
    return heard


def _run(*words: object, data: bytes = b"") -> Samples:
    argv = list(map(str, words))
    argv[1:1] = ["-v", "error"]
    done = subprocess.run(argv, input=data, check=True, capture_output=True)
    return np.frombuffer(done.stdout, np.float32)
