"""The report: figures from what a run left behind, plots, and pages that escape what they show."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import opened, plan, run
from worker.hls.playlist import render_playlists
from worker.images.model import ImageSet
from worker.layout import choice_file
from worker.messages import REPLAN_REASONS, TEACHER_MESSAGES
from worker.plan.plan import Plan
from worker.publish.manifest import Origin, make_manifest
from worker.records.job import (
    ChoiceRecord,
    DecisionRecord,
    JobRecord,
    ReplanReason,
    WarningRecord,
)
from worker.records.manifest import ChapterRecord, DownloadRecord, ManifestRecord
from worker.records.segment import Segment
from worker.report.load import load_figures
from worker.report.messages import PAGE_TEXTS
from worker.report.plot import Series, Strip, draw, thin
from worker.report.render import render_page, render_report

PLAN = plan("--segment", "2")
EVIL = '"><script>alert(1)</script>&'
JOB = JobRecord(
    encode_s=10.5,
    speed=1.25,
    segments=20,
    segments_resumed=5,
    progress=((1.0, 0.0), (3.0, 4.0), (5.0, 4.0)),
    decisions=(
        DecisionRecord(
            at_s=3,
            before=ChoiceRecord(preset="faster", rungs=("1080p",)),
            after=ChoiceRecord(preset="superfast", rungs=("1080p",)),
            reason=ReplanReason.TOO_LATE_AT_THIS_PRESET,
            needed_s=90,
            remaining_s=60,
        ),
    ),
    warnings=(WarningRecord(event="storage_retried", detail=EVIL),),
)


def documents(job: JobRecord = JOB, a_plan: Plan = PLAN) -> tuple[ManifestRecord, list[Segment]]:
    """A manifest and a checkpoint's segments, as a good job leaves them."""
    presets = ["faster"] * 3 + ["superfast"] * 4
    a_run = run(a_plan)
    renditions = {
        name: [replace(s, preset=None if name == "audio" else presets[s.index]) for s in segments]
        for name, segments in a_run.renditions.items()
    }
    origin = Origin(
        request="r",
        video_request="video-1",
        source=opened((f"/in/{EVIL}.mp4", "file 12345678 abc")),
        sizes=[12_345_678],
        clip=None,
        job_id="job",
        tags={},
        academy=None,
        published_at="2026-01-01T00:00:00.5+00:00",
        worker_version="0",
        ffmpeg_version="ffmpeg version 7.1 Copyright (c) the FFmpeg developers",
        job=job,
    )
    images = ImageSet(thumbnails=(choice_file("run", 0, b"jpeg"),))
    whole = run(a_plan, renditions=renditions)
    manifest = make_manifest(whole, render_playlists(whole), images, origin=origin)
    return manifest, [s for some in renditions.values() for s in some]


def test_figures_show_rates_and_presets_of_the_segments() -> None:
    figures = load_figures(*documents())
    top = figures.rungs[0]
    assert (top.name, top.width, top.height) == ("1080p", 1920, 1080)
    assert [(p.start_s, p.preset) for p in top.presets] == [(0, "faster"), (6, "superfast")]
    assert top.rates[0].bps == pytest.approx(8 * 188_000 / 2)
    assert sum(r.end_s - r.start_s for r in top.rates) == pytest.approx(figures.duration_s)
    assert figures.audio is not None
    assert figures.audio.rates[0].start_s == 0, "the encoder's priming is not played"
    assert figures.audio.presets == ()
    assert [r.name for r in figures.renditions] == ["1080p", "720p", "480p", "audio"]
    assert figures.ffmpeg == "7.1"
    assert [(s.start_s, s.end_s, s.times) for s in figures.speeds] == [(1, 3, 2), (3, 5, 0)]
    assert figures.replans[0].after == "superfast (1080p)"
    assert figures.source is not None
    assert figures.source.video is not None
    assert (figures.source.bytes, figures.source.video.width) == (12_345_678, 1920)


def test_of_audio_alone_the_audio_is_shown() -> None:
    manifest, segments = documents(a_plan=plan("--segment", "2", video=None))
    assert (manifest.frame_rate, manifest.presets) == (None, ())
    figures = load_figures(manifest, segments)
    assert figures.rungs == ()
    assert figures.source is not None
    assert figures.source.video is None
    page = render_report(figures)
    for key in ("container", "audio", "rates"):
        assert PAGE_TEXTS[key][0] in page
    for key in ("frame_rate", "color"):
        assert PAGE_TEXTS[key][0] not in page


def test_without_checkpoint_and_job_the_rest_is_shown() -> None:
    manifest, _ = documents(JobRecord())
    figures = load_figures(manifest.model_copy(update={"source_media": None}), ())
    assert figures.source is None
    assert figures.rungs[0].rates == ()
    assert "checkpoint.json" in render_report(figures)


def test_downloads_are_shown_with_their_sizes() -> None:
    manifest, segments = documents()
    download = DownloadRecord(
        format="mp4", key="run/d.mp4", bytes=2_500_000, md5="", etag="", content_type="video/mp4"
    )
    changed = manifest.model_copy(update={"downloads": (download,)})
    assert "mp4 (2.5 MB)" in render_report(load_figures(changed, segments))
    assert "Download" not in render_report(load_figures(manifest, segments))


def test_what_a_page_shows_of_others_is_escaped() -> None:
    manifest, segments = documents()
    chapters = (ChapterRecord(start_s=0, title=EVIL),)
    figures = load_figures(manifest.model_copy(update={"chapters": chapters}), segments)
    page = render_page(figures, b"jpeg")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_by_itself_needs_no_other_file() -> None:
    page = render_page(load_figures(*documents()), b"jpeg")
    assert not re.search(r"https?://", page)
    assert "data:image/jpeg;base64,anBlZw==" in page
    assert "default-src 'none'" in page
    assert 'class="thumbnail"' not in render_page(load_figures(*documents()), None)


def test_every_text_is_in_both_languages() -> None:
    for key, (english, korean) in PAGE_TEXTS.items():
        assert english, key
        assert re.search(r"[가-힣]", korean if key != "language" else english), key


def test_every_reason_and_fault_has_a_message_in_both_languages() -> None:
    assert set(REPLAN_REASONS) == set(ReplanReason)
    for message in (*REPLAN_REASONS.values(), *TEACHER_MESSAGES.values()):
        assert re.search(r"[a-z]", message.en), message
        assert re.search(r"[가-힣]", message.ko), message
    assert "이 프리셋으로는 너무 늦게 끝납니다" in render_report(load_figures(*documents()))


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
