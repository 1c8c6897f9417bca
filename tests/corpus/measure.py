"""Lags, orientation and similarity of an output and its source. Pure: arrays in, figures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.corpus.decoded import BINS_A_SECOND, Audio, Floats, Frames
from tests.corpus.orientation import ALL, Orientation

WINDOW_S = 8.0
LONGEST_AUDIO_LAG_S = 0.5
LONGEST_VIDEO_LAG_S = 1.0
_MOST_FRAMES = 60
# Loudness that is constant to within this share has no edge by which to find it.
_STEADY_SHARE = 0.05
_SILENT = 1e-3
# So that single waves and recorders' jitter are averaged out.
_SMOOTHED_S = 0.02
_SMOOTHED_BINS = 20
# Gray levels of 255 below which a difference is an encoder's noise.
_NOISE = 0.3
# Of two lags that fit equally to within this share, the smaller is taken: motion may repeat.
_REPEATS_SHARE = 0.05


@dataclass(frozen=True)
class Lag:
    """How much later the output is; `similarity` (0 to 1) of the two at that lag."""

    at_s: float
    lag_s: float
    similarity: float


def windows(duration_s: float) -> list[tuple[float, float]]:
    """Choose start, middle and end, as starts and lengths; the whole where it is short."""
    if duration_s <= WINDOW_S:
        return [(0.0, duration_s)]
    length_s = min(WINDOW_S, duration_s / 2)
    last_s = duration_s - length_s
    return [(0.0, length_s), (last_s / 2, length_s), (last_s, length_s)]


def audio_lag(
    source: Audio, output: Audio, at_s: float, length_s: float, *, tolerance_s: float
) -> Lag | None:
    """Find a window of the source's loudness in the output; None where it is silent or constant."""
    wanted, found = (
        np.sqrt(_running_mean(audio.envelope(begin_s, end_s + _SMOOTHED_S) ** 2, _SMOOTHED_BINS))
        for audio, begin_s, end_s in (
            (source, at_s, at_s + length_s),
            (output, at_s - LONGEST_AUDIO_LAG_S, at_s + length_s + LONGEST_AUDIO_LAG_S),
        )
    )
    centered = wanted - wanted.mean() if len(wanted) else wanted
    if (
        len(wanted) < 100
        or wanted.max() < _SILENT
        or centered.std() < _STEADY_SHARE * wanted.mean()
    ):
        return None
    means = _running_mean(found, len(wanted))
    spreads = np.sqrt(np.maximum(0, _running_mean(found**2, len(wanted)) - means**2))
    covariances = np.correlate(found, centered, "valid") / len(wanted)
    scores = covariances / (np.maximum(spreads, 1e-9) * centered.std())
    lags = np.arange(len(scores)) / BINS_A_SECOND - LONGEST_AUDIO_LAG_S
    return _choose(at_s, lags, 1 - scores, slack=0.03, tolerance_s=tolerance_s)


def _running_mean(values: Floats, count: int) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: Floats = (sums[count:] - sums[:-count]) / count
    return means


def video_lag(
    source: Frames,
    output: Frames,
    at_s: float,
    length_s: float,
    *,
    frame_s: float,
    orientation: Orientation,
) -> Lag | None:
    """Find when the source showed what a window of the output shows; None where nothing moves."""
    inside = (output.times_s >= at_s - 1e-3) & (output.times_s < at_s + length_s)
    chosen = np.flatnonzero(inside)
    chosen = chosen[:: max(1, len(chosen) // _MOST_FRAMES)]
    if len(chosen) < 2:
        return None
    times = output.times_s[chosen]
    shown = output.small[chosen]
    most = min(LONGEST_VIDEO_LAG_S, length_s / 2)
    steps = int(2 * most / frame_s)
    lags = np.arange(-steps, steps + 1) * frame_s / 2
    distances = np.array(
        [
            distance(orientation.apply(source.small[source.shown_at(times - lag)]), shown)
            for lag in lags
        ]
    )
    contrast = distances.max() - distances.min()
    if contrast < _NOISE or distances.max() < 1.1 * distances.min():
        return None
    slack = _REPEATS_SHARE * float(distances.min()) / 255
    return _choose(at_s, lags, distances / 255, slack=slack, tolerance_s=1.01 * frame_s)


def _choose(at_s: float, lags: Floats, misfits: Floats, *, slack: float, tolerance_s: float) -> Lag:
    """Take the best lag within the tolerance, unless another is clearly better."""
    allowed = np.flatnonzero(np.abs(lags) <= tolerance_s + 1e-9)
    best = allowed[np.argmin(misfits[allowed])]
    anywhere = int(np.argmin(misfits))
    if misfits[best] > misfits[anywhere] + slack:
        best = anywhere
    return Lag(at_s, float(lags[best]), float(1 - misfits[best]))


def distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the gray levels by which frames differ, apart from brightness and contrast.

    Those may differ: by range, and by the transfer of high dynamic range.
    """
    x, y = one.astype(np.float32), other.astype(np.float32)
    x, y = x - x.mean(), y - y.mean()
    # Sums, not products of matrices, for which NumPy would start threads.
    spread, common = float((x * x).sum()), float((x * y).sum())
    # A negative of the source is not the same frame.
    slope = max(0.0, common / spread) if spread > 0 else 0.0
    return math.sqrt(float(((y - slope * x) ** 2).mean()))


def similarity(source: Frames, output: Frames, orientation: Orientation) -> float | None:
    """Return the correlation of what both show, 0 to 1; None where both are blank."""
    one, other = _pairs(source, output)
    one = orientation.apply(one)
    if min(one.std(), other.std()) < 2 and max(one.std(), other.std()) < 6:
        return None
    if min(one.std(), other.std()) == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def best_orientation(source: Frames, output: Frames, expected: Orientation) -> Orientation | None:
    """Find the orientation of the output; None where its frames are alike in all of them.

    The expected one is returned where another is better by no more than noise.
    """
    one, other = _pairs(source, output)
    distances = {each: distance(each.apply(one), other) for each in ALL}
    best = min(distances, key=lambda each: distances[each])
    contrast = max(distances.values()) - distances[best]
    if contrast < 1:
        return None
    return expected if distances[expected] <= distances[best] + 0.1 * contrast else best


def _pairs(source: Frames, output: Frames, count: int = 24) -> tuple[Floats, Floats]:
    indices = np.unique(np.linspace(0, len(output.times_s) - 1, count).round().astype(np.intp))
    shown = source.small[source.shown_at(output.times_s[indices])]
    return shown.astype(np.float64), output.small[indices].astype(np.float64)


def is_frozen(source: Frames, output: Frames, at_s: float, length_s: float) -> bool:
    """Return whether the output does not move in a window where the source does."""
    moves = [
        _movement(each.small[(each.times_s >= at_s) & (each.times_s < at_s + length_s)])
        for each in (source, output)
    ]
    return moves[0] > 2 and moves[1] < 0.2 * moves[0]


def _movement(frames: NDArray[Any]) -> float:
    if len(frames) < 2:
        return 0.0
    return float(frames.astype(np.float64).std(axis=0).mean())


def worst(lags: Sequence[Lag | None]) -> Lag | None:
    return max((lag for lag in lags if lag), key=lambda lag: abs(lag.lag_s), default=None)
