"""plan.json: what is read back is the very plan that was written, or is refused."""

from __future__ import annotations

import json
import math
import random
from array import array
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import AUDIO, VIDEO, of_media, plan
from worker.media.aspects import AspectChange
from worker.media.audio_clock import AudioClock, Stretch
from worker.media.orientation import Orientation
from worker.media.packets import Packets, PacketTally
from worker.media.streams import ByteMap, TextStream
from worker.plan.digest import run_name
from worker.plan.plan import Plan, describe
from worker.plan.saved import plan_from_json, plan_to_json
from worker.records.base import UnreadableRecordError

TEXT = TextStream(index=2, codec="mov_text", language="kor", title="한국어", is_forced=False)
NUMBERS = st.floats(allow_nan=False)


def assert_kept(a_plan: Plan) -> None:
    read = plan_from_json(plan_to_json(a_plan))
    assert read == a_plan
    # Equality takes 22 for 22.0, and a name does not.
    assert repr(read) == repr(a_plan)
    assert run_name("source", read) == run_name("source", a_plan)
    if not a_plan.media.other_audio:
        # Where there is some, nobody has listened to it yet, and nothing describes it.
        assert describe(read) == describe(a_plan)


def counted(times_s: list[float], *, origin_s: float = 0.0, every: int = 1) -> Packets:
    tally = PacketTally(origin_s=origin_s, keeps_clock=True)
    for i, at_s in enumerate(times_s):
        tally.add(at_s, at_s, 0.02, 100 + i % 7, is_key=i % every == 0)
    return tally.packets()


@pytest.mark.parametrize(
    "a_plan",
    [
        plan(),
        plan(video=None, cover=2),
        plan("--audio", "muxed", "--loudness", "-16", "--ladder", "1080,480", "--preset", "fast"),
        plan(audio=None, texts=(TEXT, replace(TEXT, language=None, title=None))),
        plan(declared_s=None, other_audio=(AUDIO, replace(AUDIO, mix="sum")), jumps=2),
        replace(plan(), grid=replace(plan().grid, cuts=(0, 150, 330))),
        plan(
            video=replace(
                VIDEO,
                clock=None,
                lag_s=Fraction(1, 3),
                nominal_rate=None,
                orientation=Orientation(is_turned=True, swaps_top=True),
                aspect_changes=(AspectChange(at_s=2.5, sample_aspect_ratio=Fraction(16, 11)),),
                packets=counted([1 + i / 30 for i in range(500)], origin_s=1.0, every=60),
            )
        ),
    ],
    ids=["usual", "audio alone", "options", "texts", "tracks", "copied", "broadcast"],
)
def test_a_plan_is_read_back_as_it_was(a_plan: Plan) -> None:
    assert_kept(a_plan)


def test_a_clock_and_its_stretches_are_read_back() -> None:
    stretch = Stretch(packet_s=0.02, start_s=0.0, end_s=5.0, packets=250)
    clock = AudioClock(length_s=5.0, spread_s=math.inf, stretches=(stretch,))
    assert_kept(plan(audio=replace(AUDIO, packets=replace(AUDIO.packets, clock=clock))))


def test_a_map_of_bytes_is_read_back_and_is_part_of_no_name_and_no_description() -> None:
    """So a run that one machine makes and one that several make are the same."""
    byte_map = ByteMap(
        opening=((0, 48), (5_000_000_000, 5_000_070_000)),
        keys_s=array("d", (0.0, 2.5)),
        starts=array("q", (48, 90_000)),
        ends=array("q", (90_000, 5_000_000_000)),
    )
    alone = plan()
    shared = of_media(alone, replace(alone.media, byte_map=byte_map))
    assert_kept(shared)
    assert run_name("source", shared) == run_name("source", alone)
    assert describe(shared) == describe(alone)


@given(
    times=st.lists(NUMBERS),
    keys=st.dictionaries(NUMBERS, st.integers(min_value=0, max_value=(1 << 63) - 1)),
    end_s=st.none() | NUMBERS,
)
def test_numbers_are_exact(times: list[float], keys: dict[float, int], end_s: float | None) -> None:
    packets = replace(VIDEO.packets, times_s=array("d", times), keys=keys, end_s=end_s)
    a_plan = plan()
    shown = replace(a_plan.media, video_track=replace(VIDEO, packets=packets))
    assert_kept(of_media(a_plan, shown))


@pytest.mark.parametrize(
    ("every", "jitter_s"), [(1, 0.0), (60, 0.01)], ids=["keyframes alone", "frames at any time"]
)
def test_an_hour_takes_less_than_a_megabyte(every: int, jitter_s: float) -> None:
    """With AAC, after a container's start at 1.4 s: three hours are possible."""
    chance = random.Random(1)  # noqa: S311 (no secret)
    frames = [round(1.4 + i / 30 + jitter_s * chance.random(), 6) for i in range(108_000)]
    heard = [round(1.4 + i * 1024 / 48_000, 6) for i in range(168_750)]
    a_plan = plan()
    whole = replace(
        a_plan.media,
        video_track=replace(VIDEO, packets=counted(frames, origin_s=1.4, every=every)),
        audio=replace(AUDIO, packets=counted(heard, origin_s=1.4)),
    )
    assert len(plan_to_json(of_media(a_plan, whole))) < 1_000_000


SAVED = plan_to_json(plan(video=replace(VIDEO, packets=counted([0.0, 0.1, 0.2]))))


def changed(**values: Any) -> bytes:
    return json.dumps({**json.loads(SAVED), **values}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "record: it is no JSON"),
        (b"\xff", "record: it is no JSON"),
        (b"[]", "record: it is no object"),
        (b"{}", "schema_version: it is None"),
        (SAVED[: len(SAVED) // 2], "record: it is no JSON"),
        (SAVED.replace(b'"width": 1920', b'"width": 1921'), "plan: it is damaged"),
        (changed(schema_version=1), "schema_version: it is 1, and not 2"),
        (changed(plan_version=9), "plan_version: it is 9"),
        (changed(plan=None), "plan: it is damaged"),
    ],
)
def test_damaged_bytes_and_other_versions_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableRecordError, match=f"^{message}"):
        plan_from_json(data)


@pytest.mark.parametrize(
    "plain",
    [
        None,
        {"type": "Fraction", "value": "1/3"},
        {"type": "Fraction", "value": "third"},
        {"type": "Path"},
        {"type": "Grid", "rate": 30},
        {"type": "Grid", "color": "red"},
        {"type": "array", "code": "d", "words": "!"},
        {"type": "array", "code": "d", "words": "eJxLBAAAYgBi"},
        {"type": "array", "code": "x", "words": ""},
    ],
)
def test_a_plan_of_another_form_is_refused(plain: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker that writes other fields under the same versions would write it."""
    monkeypatch.setattr("worker.plan.saved._digest", lambda _: None)
    with pytest.raises(UnreadableRecordError, match=r"^plan: "):
        plan_from_json(changed(plan=plain, sha256=None))


def test_what_has_no_form_is_not_written() -> None:
    with pytest.raises(TypeError, match="no form for bytes"):
        plan_to_json(replace(plan(), presets=(b"slow",)))  # type: ignore[arg-type] # a fault
