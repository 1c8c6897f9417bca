"""Which bytes of a source a span needs."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import VIDEO, plan
from worker.ffmpeg.decode import reads_from_s
from worker.media.packets import Packets
from worker.media.streams import ByteMap, ByteRange
from worker.plan.plan import Plan, Span
from worker.source.fetch.boxes import header_ranges
from worker.source.fetch.mapping import _Groups, _Opening, _read_row, _UnmappedError
from worker.source.fetch.ranges import merge, ranges_for, subtract

RATE, SECONDS, GROUP_S, GROUP_BYTES = 30, 600, 2, 1_000
RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)))


def positions(ranges: list[ByteRange]) -> set[int]:
    return {at for start, end in ranges for at in range(start, end)}


@given(ranges=RANGES, gap=st.integers(0, 3))
def test_merged_ranges_hold_the_same_bytes_in_order(ranges: list[ByteRange], gap: int) -> None:
    merged = merge(ranges, gap=gap)
    assert merged == sorted(merged)
    assert all(b[0] - a[1] > gap for a, b in itertools.pairwise(merged))
    closed = positions(merged) - positions(ranges)
    assert not closed if gap == 0 else len(closed) <= gap * len(ranges)
    assert positions(ranges) <= positions(merged)


@given(wanted=RANGES, present=RANGES)
def test_what_is_missing_is_wanted_and_not_present(
    wanted: list[ByteRange], present: list[ByteRange]
) -> None:
    missing = subtract(merge(wanted), merge(present))
    assert missing == merge(missing)
    assert positions(missing) == positions(wanted) - positions(present)


def ten_minutes() -> tuple[Plan, ByteMap]:
    """GOPs of two seconds, of a thousand bytes each, behind a header of a hundred."""
    times_s = array("d", (i / RATE for i in range(RATE * SECONDS)))
    packets = Packets(
        count=len(times_s), start_s=0.0, end_s=SECONDS, longest_gop_s=GROUP_S, times_s=times_s
    )
    a_plan = plan(video=replace(VIDEO, packets=packets), audio=None)
    groups = range(SECONDS // GROUP_S)
    return a_plan, ByteMap(
        opening=((0, 100),),
        keys_s=array("d", (GROUP_S * i for i in groups)),
        starts=array("q", (100 + GROUP_BYTES * i for i in groups)),
        ends=array("q", (100 + GROUP_BYTES * (i + 1) for i in groups)),
    )


@pytest.mark.parametrize("first", [0, 1, 50, 99])
def test_a_span_needs_its_frames_and_some_before_and_after_them(first: int) -> None:
    a_plan, byte_map = ten_minutes()
    span = Span(first=first, end=first + 1, rungs=("1080p",), preset="faster")
    grid = a_plan.grid
    ranges = ranges_for(a_plan, span, byte_map)
    assert ranges[0][0] == 0
    start, end = ranges[-1]
    shown_from_s = (start - 100) / GROUP_BYTES * GROUP_S
    shown_to_s = (end - 100) / GROUP_BYTES * GROUP_S
    # 128 frames, a group, and what is left of the one in which they begin or end.
    around_s = 128 / RATE + 2 * GROUP_S
    from_s = float(reads_from_s(a_plan, span))
    to_s = float(grid.start_s(span.end))
    assert from_s - around_s - GROUP_S <= shown_from_s <= max(0, from_s - 128 / RATE - GROUP_S)
    assert min(SECONDS, to_s + 128 / RATE + GROUP_S) <= shown_to_s <= to_s + around_s + GROUP_S


def test_a_span_after_the_last_frame_needs_the_end_of_the_video() -> None:
    """The audio may go on for longer, and the last frame stays on screen."""
    a_plan, byte_map = ten_minutes()
    longer = replace(a_plan, grid=replace(a_plan.grid, total_frames=RATE * SECONDS * 2))
    span = Span(first=190, end=191, rungs=("1080p",), preset="faster")
    start, end = ranges_for(longer, span, byte_map)[-1]
    assert end == byte_map.ends[-1]
    assert start > byte_map.starts[-20]


def grouped(*rows: str) -> _Groups:
    groups = _Groups(origin_s=1.0)
    for packet in filter(None, map(_read_row, rows)):
        assert groups.add(packet)
    return groups


def test_a_group_begins_with_a_keyframe_a_second_after_the_last_one() -> None:
    groups = grouped(
        *("1,1.000,100,50,K_", "1,1.900,100,160,__", "1,1.500,100,260,K_", "skip samples"),
        *("1,2.000,100,400,K_", "1,2.040,100,360,_D", "1,3.5,100,500,K_"),
    )
    byte_map = groups.byte_map([(0, 50)])
    assert groups.count == 6
    assert list(byte_map.keys_s) == [0.0, 1.0, 2.5]
    assert list(zip(byte_map.starts, byte_map.ends, strict=True)) == [
        *((50, 360), (360, 500), (500, 600)),
    ]


def test_the_first_packets_of_all_tracks_are_read_to_open_a_file() -> None:
    rows = ("0,1.0,1000,9000,K_", "1,1.0,4998000,10000,K_", "0,N/A,1000,20000000,K_")
    opening = _Opening()
    assert [opening.add(packet) for packet in filter(None, map(_read_row, rows))] == [
        *(True, True, False),
    ]
    assert opening.ranges[-1] == (20_000_000, 20_001_000)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("1,N/A,100,500,K_", "it has keyframes without a time"),
        ("1,5.0,100,N/A,K_", "it has packets without a position"),
        ("1,0.5,100,500,K_", "its keyframes are out of order"),
    ],
)
def test_what_cannot_be_mapped_has_a_reason(row: str, fault: str) -> None:
    with pytest.raises(_UnmappedError, match=fault):
        grouped("1,1.0,100,50,K_", row)


def box(kind: bytes, content: int, *, long: bool = False, size: int | None = None) -> bytes:
    header = 16 if long else 8
    length = header + content if size is None else size
    sizes = (1 if long else length).to_bytes(4, "big"), length.to_bytes(8, "big") if long else b""
    return sizes[0] + kind + sizes[1] + bytes(content)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([box(b"ftyp", 12), box(b"moov", 92), box(b"mdat", 500)], [(0, 128), (628, 628)]),
        ([box(b"ftyp", 12), box(b"mdat", 500), box(b"moov", 92)], [(0, 28), (528, 628)]),
        ([box(b"moov", 92), box(b"mdat", 500, long=True)], [(0, 116), (616, 616)]),
        ([box(b"moov", 92), box(b"mdat", 500, size=0)], [(0, 108), (608, 608)]),
        ([box(b"moov", 92), box(b"mdat", 500, size=900)], [(0, 108), (608, 608)]),
        (
            [box(b"mdat", 50), box(b"moov", 92), box(b"mdat", 50), b"no box at all"],
            [(0, 8), (58, 166), (216, 229)],
        ),
        ([box(b"moov", 92), box(b"moof", 50), box(b"mdat", 50)], "it is fragmented"),
        ([box(b"free", 0)] * 1_002, "it is fragmented"),
        ([box(b"ftyp", 12), box(b"mdat", 500)], "it has no index"),
        ([bytes(100)], "it has no index"),
    ],
)
def test_the_header_is_all_but_the_content(
    boxes: list[bytes], expected: list[ByteRange] | str, tmp_path: Path
) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(b"".join(boxes))
    assert header_ranges(path) == expected
