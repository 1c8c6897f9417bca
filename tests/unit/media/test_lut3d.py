"""The tests' own measure is right, and the worker's table is what it says."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import colors
from tests.unit.sample import video
from worker.errors import BadSourceError
from worker.media.color import Conversion, plan_conversion
from worker.media.lut3d import color_table, converter
from worker.plan.refusals import refuse_unconvertible_colors

PQ = Conversion(transfer="pq", primaries="bt2020")
HLG = Conversion(transfer="hlg", primaries="bt2020")


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_ciede2000_gives_the_published_figures(
    one: colors.Triple, two: colors.Triple, expected: float
) -> None:
    assert colors.difference(one, two) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("conversion", [PQ, HLG])
def test_black_stays_black_and_grey_stays_grey_and_rises(conversion: Conversion) -> None:
    convert = converter(conversion)
    greys = [convert((i / 64,) * 3) for i in range(65)]
    assert max(greys[0]) < 0.01
    assert greys[-1] == pytest.approx((1, 1, 1), abs=1e-3)
    for r, g, b in greys:
        assert (g, b) == pytest.approx((r, r), abs=1e-3)
    assert all(a[0] <= b[0] for a, b in pairwise(greys))


def test_reference_white_is_where_it_is_documented() -> None:
    at = colors.pq(1.0)
    assert at == pytest.approx(0.581, abs=1e-3), "BT.2408: 58% PQ"
    assert converter(PQ)((at, at, at))[0] == pytest.approx(0.90, abs=0.01)
    (r, _, _) = colors.hlg((1.0, 1.0, 1.0))
    assert r == pytest.approx(0.75, abs=0.005), "BT.2408: 75% HLG"
    assert converter(HLG)((r, r, r))[0] == pytest.approx(0.90, abs=0.01)


@given(st.tuples(*[st.floats(0.02, 0.6)] * 3))
def test_what_an_sdr_display_can_show_stays_as_it_is(rgb: colors.Triple) -> None:
    """Below 88 cd/m², in colors of BT.709: another coding of the same light."""
    r, g, b = (min(c, 0.4) for c in colors.light(rgb))
    linear = (r, g, b)
    wide = colors.to_2020(linear)
    as_pq = (colors.pq(wide[0]), colors.pq(wide[1]), colors.pq(wide[2]))
    expected = colors.lab(linear)
    for conversion, coded in ((PQ, as_pq), (HLG, colors.hlg(wide))):
        found = colors.lab(colors.light(converter(conversion)(coded)))
        # Saturated colors make a little room for those outside of the gamut.
        assert colors.difference(expected, found) < 3.0


def test_the_table_has_every_point_red_first() -> None:
    lines = color_table(PQ, points=5).split()
    assert lines[:2] == ["LUT_3D_SIZE", "5"]
    assert len(lines) == 2 + 3 * 125
    assert float(lines[2 + 3]) > float(lines[2])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"color_transfer": "smpte2084"}, PQ),
        ({"color_transfer": "arib-std-b67", "pixel_format": "yuv420p10le"}, HLG),
        ({"color_transfer": "arib-std-b67", "pixel_format": "yuv420p"}, None),
        ({"color_space": "bt2020nc"}, Conversion(transfer="sdr", primaries="bt2020")),
        ({"color_primaries": "smpte432"}, Conversion(transfer="sdr", primaries="smpte432")),
        ({"color_primaries": "smpte170m", "color_space": "smpte170m"}, None),
    ],
)
def test_only_what_needs_a_table_gets_one(
    changes: dict[str, str], expected: Conversion | None
) -> None:
    assert plan_conversion(video(**{"color_primaries": None, **changes})) == expected


@pytest.mark.parametrize("changes", [{"is_dolby_only": True}, {"color_space": "ictcp"}])
def test_colors_that_cannot_be_shown_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadSourceError, match="upload that"):
        refuse_unconvertible_colors(video(**changes))
