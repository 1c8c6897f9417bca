"""The settings that are compared in docs/performance.md: what is changed, and on which clips.

Each variant is the worker's own FFmpeg command for one rung with something changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A row of a table. None as a value leaves an option, or a parameter of x264, out.

    `options` are those of FFmpeg's output, `x264` the parameters in its `-x264-params`. `job` has
    options of the job that is planned, and `graph` a filter of the graph and what is there instead.
    """

    label: str
    options: Mapping[str, str | None] = field(default_factory=dict)
    x264: Mapping[str, str | None] = field(default_factory=dict)
    job: tuple[str, ...] = ()
    graph: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A column of a table: a clip and its title, how long it is, and which rung (0 is the top)."""

    title: str
    name: str
    kind: str = "lecture"
    seconds: float = 10.0
    rung: int = 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """Samples, and the variants that each of them is encoded in."""

    samples: tuple[Sample, ...]
    variants: tuple[Variant, ...]


_IN_USE = Variant(label="**in use**")
_HEAD = Sample(title="talking head", name="LivePortrait")
_SCROLLING = Sample(title="scrolling screen", name="art-critic")
_PAGE = Sample(title="page", name="Adobe_PDF")
_KAP = Sample(title="recorded screen", name="Kap")
_WHITEBOARD = Sample(title="whiteboard", name="whiteboard")
_OPENCAST = Sample(title="opencast", name="opencast")
_SUBME_2 = Variant(label="subme 2", x264={"subme": "2"})
_SUBME_3 = Variant(label="subme 3", x264={"subme": "3"})
_HEX = Variant(label="me hex", x264={"me": "hex", "merange": "16"})
_AQ = Variant(label="aq-strength of the tune, 0.6", x264={"aq-strength": None})
_ONE_THREAD = Variant(label="one thread", options={"threads": "1"})
_NO_TUNE = Variant(label="without the tune", options={"tune": None})
_ANY_QUANTIZER = Variant(label="without qmin", options={"qmin": None})


def _own(preset: str) -> Variant:
    return Variant(label=f"x264's {preset}, unchanged", options={"x264-params": None})


TABLES = {
    "faster": Table(
        samples=(_SCROLLING, _PAGE, _HEAD, _KAP),
        variants=(
            _IN_USE,
            _own("faster"),
            _SUBME_2,
            _SUBME_3,
            Variant(label="b-adapt 1", x264={"b-adapt": "1"}),
            Variant(label="four B-frames", x264={"bframes": "4"}),
            _HEX,
            Variant(label="merange 16", x264={"merange": "16"}),
            Variant(label="the preset's references, 4", x264={"ref": None}),
            _AQ,
            Variant(label="trellis 0", x264={"trellis": "0"}),
            Variant(label="lookahead of 12", x264={"rc-lookahead": "12"}),
            Variant(label="lookahead of 40", x264={"rc-lookahead": "40"}),
            _ANY_QUANTIZER,
            _NO_TUNE,
            _ONE_THREAD,
            Variant(label="CRF 20", options={"crf": "20"}),
        ),
    ),
    "small": Table(
        samples=(
            Sample(title="face, 360p", name="short_hamilton"),
            _OPENCAST,
            Sample(title="street, 360p", name="timestamps_360p", kind="normal", seconds=12),
            Sample(title="cars, 432p", name="car-detection", kind="normal", seconds=12),
            Sample(title="320x240", name="timestamps_320w", kind="normal", seconds=12),
        ),
        variants=(
            _IN_USE,
            _own("faster"),
            Variant(label="subme 1", x264={"subme": "1"}),
            _SUBME_2,
            Variant(label="the preset's references, 4", x264={"ref": None}),
            Variant(label="me umh, merange 32", x264={"me": "umh", "merange": "32"}),
            Variant(label="b-adapt 2", x264={"b-adapt": "2"}),
            _AQ,
            _ANY_QUANTIZER,
            Variant(label="qmin 14", options={"qmin": "14"}),
            Variant(label="qmin 18", options={"qmin": "18"}),
            Variant(label="CRF 18.8", options={"crf": "18.8"}),
        ),
    ),
    "still": Table(
        samples=tuple(
            Sample(title=sample.title, name=sample.name, seconds=60)
            for sample in (_WHITEBOARD, _OPENCAST, _KAP)
        ),
        variants=(
            _IN_USE,
            Variant(label="CRF 20, 6 s", job=("--segment", "6")),
            Variant(label="CRF 18.8, 12 s", options={"crf": "18.8"}),
            Variant(label="CRF 18.8, 6 s", options={"crf": "18.8"}, job=("--segment", "6")),
        ),
    ),
    "lower": Table(
        samples=(
            Sample(title="page", name="Adobe_PDF", rung=1),
            Sample(title="talking head", name="LivePortrait", rung=1),
            Sample(title="scrolling screen", name="art-critic", rung=1),
            Sample(title="people", name="demo_skeleton", kind="normal", rung=1),
        ),
        variants=(
            _IN_USE,
            _own("veryfast"),
            Variant(
                label="x264's veryfast, unchanged, CRF 20.5",
                options={"x264-params": None, "crf": "20.5"},
            ),
            _SUBME_2,
            Variant(label="five B-frames", x264={"bframes": None}),
            _HEX,
            Variant(label="trellis 0", x264={"trellis": None}),
            _AQ,
            Variant(label="CRF 21", options={"crf": "21"}),
        ),
    ),
    "duplicates": Table(
        samples=(
            Sample(title="recorded screen", name="Kap"),
            _WHITEBOARD,
            _HEAD,
            Sample(title="street", name="timestamps_360p", kind="normal", seconds=12),
        ),
        variants=(
            _IN_USE,
            Variant(label="each frame is encoded", graph=("mpdecimate", "null")),
            Variant(
                label="hi 128, lo 32, 2 % of the blocks",
                graph=("mpdecimate", "mpdecimate=frac=0.02:hi=128:lo=32"),
            ),
        ),
    ),
}
