"""Draws speech before and after `--speech clean` (docs/speech.png), and prints its figures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from tests.functional.encode import voices
from tests.functional.encode.voices import Samples
from worker.ffmpeg.speech.clean import RATE_HZ

IMAGE = Path(__file__).resolve().parents[1] / "docs" / "speech.png"
RATIOS_DB = (5, 10, 20)
SHOWN = ("fan", 10)


def main() -> None:
    voice = voices.speak()
    count = len(voice)
    noises = {
        "white": voices.white(count),
        "fan": voices.fan(count),
        "hum, 50 Hz": voices.hum(count, 50),
        "hum, 60 Hz": voices.hum(count, 60),
    }
    print("| noise | below the voice | segmental SNR | ESTOI |\n|---|---|---|---|")
    for name, noise in noises.items():
        for ratio_db in RATIOS_DB:
            heard = voices.mixed(voice, noise, ratio_db)
            with tempfile.TemporaryDirectory() as folder:
                tried = voices.listen_to(Path(folder), heard)
                cleaned, shaped = tried.cleaned(), tried.shaped(voice)
            before = voices.segmental_snr_db(voice, heard), voices.estoi(voice, heard)
            after = voices.segmental_snr_db(shaped, cleaned), voices.estoi(voice, cleaned)
            figures = f"{before[0]:.1f} → {after[0]:.1f} dB | {before[1]:.3f} → {after[1]:.3f}"
            print(f"| {name} | {ratio_db} dB | {figures} |")
            if (name, ratio_db) == SHOWN:
                draw(voice, heard, cleaned)


def draw(*shown: Samples) -> None:
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    for axis, samples, title in zip(axes, shown, ("voice", "upload", "published"), strict=True):
        level = samples / voices.rms(samples) + 1e-6 * voices.white(len(samples))
        axis.specgram(level, Fs=RATE_HZ, NFFT=1024, noverlap=512, vmin=-85, vmax=-30, cmap="magma")
        axis.set(ylim=(0, 8000), xlim=(0, 7), ylabel="Hz", title=title)
    axes[-1].set_xlabel("seconds")
    figure.savefig(IMAGE, dpi=70)
    # A few colors are enough, at a third of the bytes.
    Image.open(IMAGE).convert("RGB").quantize(32).save(IMAGE, optimize=True)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
