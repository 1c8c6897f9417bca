"""The report: figures from what a run left behind, plots, and pages that escape what they show."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import plan, rung_segments, segment, sound_segments
from worker.errors import BadSourceError
from worker.monitoring.job_stats import JobStats
from worker.plan.forecast import Forecast
from worker.plan.plan import describe
from worker.publish.manifest import Origin, make_manifest
from worker.report.load import load_figures
from worker.report.messages import PAGE_TEXTS, REASONS
from worker.report.plot import Series, Strip, draw, thin
from worker.report.render import render_page, render_report

PLAN = plan("--segment", "2")
EVIL = '"><script>alert(1)</script>&'


def documents(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A manifest and a checkpoint, as a good job leaves them."""
    presets = ["faster"] * 3 + ["superfast"] * 4
    rungs = {
        rung.name: tuple(
            segment(
                rung.name,
                s.index,
                start_ticks=s.start_ticks,
                end_ticks=s.end_ticks,
                preset=presets[s.index],
            )
            for s in rung_segments(PLAN, rung.name)
        )
        for rung in PLAN.rungs
    }
    # As a checkpoint gives them: by name.
    renditions = dict(sorted({**rungs, "audio": sound_segments(PLAN)}.items()))
    origin = Origin(
        request="r",
        identity="file 12345678 abc",
        source=f"/in/{EVIL}.mp4",
        job_id="job",
        published_at="2026-01-01T00:00:00.5+00:00",
        worker_version="0",
        ffmpeg_version="ffmpeg version 7.1 Copyright (c) the FFmpeg developers",
        job={
            "encode_s": 10.5,
            "speed": 1.25,
            "segments": 20,
            "segments_resumed": 5,
            "progress": [[1.0, 0.0], [3.0, 4.0], [5.0, 4.0]],
            "decisions": [
                {
                    "at_s": 3,
                    "before": {"preset": "faster", "rungs": ["1080p"]},
                    "after": {"preset": "superfast", "rungs": ["1080p"]},
                    "reason": "it would end too late at this preset",
                    "needed_s": 90,
                    "remaining_s": 60,
                }
            ],
            "warnings": [{"event": "storage_retried", "detail": EVIL}],
        },
    )
    manifest = make_manifest(PLAN, "run", renditions, {}, origin=origin, previous=None)
    recorded = [asdict(s) for some in renditions.values() for s in some]
    return {**manifest, **changes}, {"plan": describe(PLAN), "segments": recorded}


def test_figures_tell_rates_and_presets_of_the_segments() -> None:
    figures = load_figures(*documents())
    top = figures.rungs[0]
    assert (top.name, top.width, top.height) == ("1080p", 1920, 1080)
    assert [(p.start_s, p.preset) for p in top.presets] == [(0, "faster"), (6, "superfast")]
    assert top.rates[0].bps == pytest.approx(8 * 188_000 / 2)
    assert sum(r.end_s - r.start_s for r in top.rates) == pytest.approx(figures.duration_s)
    assert figures.sound is not None
    assert figures.sound.rates[0].start_s == 0, "the encoder's priming is not played"
    assert figures.sound.presets == ()
    assert [r.name for r in figures.renditions] == ["1080p", "720p", "480p", "audio"]
    assert figures.ffmpeg == "7.1"
    assert [(s.start_s, s.end_s, s.times) for s in figures.speeds] == [(1, 3, 2), (3, 5, 0)]
    assert figures.replans[0].after == "superfast (1080p)"
    assert figures.source is not None
    assert (figures.source.bytes, figures.source.width) == (12_345_678, 1920)


def test_without_checkpoint_and_job_the_rest_is_told() -> None:
    manifest, _ = documents()
    del manifest["job"]
    figures = load_figures(manifest, None)
    assert figures.source is None
    assert figures.rungs[0].rates == ()
    assert "checkpoint.json" in render_report(figures)


@pytest.mark.parametrize(
    "changes",
    [{"renditions": None}, {"renditions": [{"name": "x"}]}, {"job": []}, {"duration_s": "long"}],
)
def test_what_is_not_ours_is_refused(changes: dict[str, Any]) -> None:
    manifest, checkpoint = documents(**changes)
    if changes.get("job") == []:
        assert load_figures(manifest, checkpoint).replans == ()
        return
    with pytest.raises(BadSourceError, match=r"manifest\.json"):
        load_figures(manifest, checkpoint)


def test_what_a_page_shows_of_others_is_escaped() -> None:
    manifest, checkpoint = documents(chapters=[{"start_s": 0, "title": EVIL}])
    page = render_page(load_figures(manifest, checkpoint), b"jpeg")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_by_itself_needs_nothing_beside_it() -> None:
    page = render_page(load_figures(*documents()), b"jpeg")
    assert not re.search(r"https?://", page)
    assert "data:image/jpeg;base64,anBlZw==" in page
    assert "default-src 'none'" in page
    assert 'class="face"' not in render_page(load_figures(*documents()), None)


def test_every_word_is_in_both_languages() -> None:
    for key, (english, korean) in PAGE_TEXTS.items():
        assert english, key
        assert re.search(r"[가-힣]", korean if key != "language" else english), key


def test_every_reason_of_the_forecast_has_its_korean() -> None:
    import inspect

    told = set(re.findall(r'"((?:it|there) [a-z ]+)"', inspect.getsource(Forecast)))
    assert told == set(REASONS)


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.floats(0, 1e6)), max_size=50),
    st.integers(1, 20),
)
def test_thinned_steps_keep_their_area_and_their_ends(
    rows: list[tuple[float, float]], most: int
) -> None:
    steps, at = [], 0.0
    for length, value in rows:
        steps.append((at, at + length, value))
        at += length
    thinned = thin(steps, most)
    assert len(thinned) <= most
    area = [sum((end - start) * value for start, end, value in some) for some in (steps, thinned)]
    assert area[1] == pytest.approx(area[0])
    assert [s[0] for s in thinned[:1]] == [s[0] for s in steps[:1]]
    assert [s[1] for s in thinned[-1:]] == [s[1] for s in steps[-1:]]


def test_a_gap_is_no_line() -> None:
    drawn = draw(
        [Series(name="a", steps=[(0, 2, 1), (2, 4, 2), (6, 8, 1)])],
        end=8,
        unit="x",
        strips=[Strip(name="<s>", stretches=[(0, 8, "<p>")])],
    )
    (path,) = re.findall(r'class="line c0" d="([^"]+)"', drawn)
    assert path.count("M") == 2
    assert "<p>" not in drawn
    assert draw([], end=0, unit="x")


def test_the_account_is_small_however_long_the_job() -> None:
    account = JobStats()
    for i in range(20_000):
        account.encoded(i * 0.7, i * 0.5)
        account.decided({"at_s": i})
        account.warned({"event": "e", "level": "warning", "job_id": "j", "reason": "x" * 999})
    told = account.tell({"encode_s": 1, "rungs": []})
    assert len(told["progress"]) <= 64
    assert told["progress"][0] == [0.0, 0.0]
    assert told["progress"][-1][0] > 0.9 * 20_000 * 0.7
    assert len(told["decisions"]) == 20
    assert told["decisions"][-1] == {"at_s": 19_999}
    assert len(told["warnings"]) == 20
    assert told["warnings"][0]["detail"].startswith("reason: xxx")
    assert len(told["warnings"][0]["detail"]) == 300
    assert "rungs" not in told
