"""The comparison of settings: what a variant changes in the worker's command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.settings import change
from tests.bench.variants import TABLES, Variant
from tests.unit import sample
from worker.ffmpeg.encode import encode_video
from worker.plan.plan import Span
from worker.plan.stillness import fit_to_stillness
from worker.runtime.command import Command

_BARE = ("-crf", "20", "-x264-params", "subme=1:ref=1", "720p/%05d.ts", "-nostats")


def command_of(table: str) -> Command:
    """The worker's command for the first sample of a table."""
    shape = {"width": 640, "height": 360} if table == "small" else {}
    plan = sample.plan(video=sample.video(**shape))
    if table == "still":
        plan = fit_to_stillness(plan, key_share=0.3, busiest_bps=0, may_lengthen=True)
    name = plan.rungs[TABLES[table].samples[0].rung].name
    span = Span(first=0, end=1, rungs=(name,), preset="faster")
    return encode_video(plan, span, Path("/in.mp4"))


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (Variant(label="x264", x264={"subme": "2"}), ["-x264-params", "subme=2:ref=1"]),
        (Variant(label="left out", x264={"ref": None}), ["-x264-params", "subme=1"]),
        (Variant(label="added", options={"qmin": "14"}), ["-qmin", "14", "720p/%05d.ts"]),
        (Variant(label="another", options={"crf": "22"}), ["-crf", "22"]),
    ],
)
def test_change(variant: Variant, expected: list[str]) -> None:
    changed = change(_BARE, variant)
    assert any(changed[k : k + len(expected)] == expected for k in range(len(changed)))


def test_change_leaves_an_option_out() -> None:
    changed = change(_BARE, Variant(label="preset's", options={"x264-params": None}))
    assert changed == ["-crf", "20", "720p/%05d.ts", "-nostats"]


def test_change_of_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="has this already"):
        change(_BARE, Variant(label="no qmin", options={"qmin": None}))


@pytest.mark.parametrize(
    ("table", "variant"),
    [(name, variant) for name, table in TABLES.items() for variant in table.variants],
    ids=lambda value: value if isinstance(value, str) else value.label,
)
def test_each_variant_changes_what_the_worker_does(table: str, variant: Variant) -> None:
    """Otherwise two rows of a table would be of one command."""
    command = command_of(table)
    argv = command.fill_in(dict.fromkeys(command.pipes, 1))
    is_changed = change(argv, variant) != list(argv)
    assert is_changed == bool(variant.options or variant.x264 or variant.graph)
    assert is_changed or variant.job or variant is TABLES[table].variants[0]
