"""manifest.json and the report say of which files a video is joined, and what a clip took."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.publish.test_publish import IMAGES, ORIGIN
from tests.unit.sample import media, opened, plan_of, run
from worker.hls.playlist import render_playlists
from worker.plan.parts import PreparedFile
from worker.publish.manifest import make_manifest
from worker.records.job import ClipRecord
from worker.records.manifest import ManifestRecord
from worker.report.load import load_figures
from worker.report.render import render_report

FILES = [
    ("s3://uploads/a, <1>.mp4", "s3 one"),
    ("https://h/b.mp4?X-Amz-Signature=canary", "https two"),
]
CLIP = ClipRecord(start_s=15, end_s=None)


def manifest(*options: str, clip: ClipRecord | None = None) -> ManifestRecord:
    """Of two files of 13.333 s each."""
    joined = run(plan_of(PreparedFile(media=media()), PreparedFile(media=media()), *options))
    origin = replace(ORIGIN, source=opened(*FILES), sizes=[1000, 234], clip=clip)
    return make_manifest(joined, render_playlists(joined), IMAGES, origin=origin)


def test_each_part_begins_where_the_one_before_ends() -> None:
    made = manifest()
    assert made.source == FILES[0][0]
    assert made.source_identity == '["s3 one", "https two"]'
    assert made.sources == (FILES[0][0], "https://h/b.mp4?…")
    assert [(part.name, part.identity) for part in made.parts] == [
        ("a, <1>", "s3 one"),
        ("b", "https two"),
    ]
    first, second = made.parts
    assert (first.start_s, second.start_s) == (0, first.duration_s)
    assert first.duration_s
    assert second.duration_s
    assert abs(first.duration_s + second.duration_s - made.duration_s) < 0.002
    assert [part.media.bytes for part in made.parts if part.media] == [1000, 234]
    assert made.source_media
    assert made.source_media.bytes == 1234
    assert b"canary" not in made.to_json()


def test_one_file_has_no_parts() -> None:
    whole = run(plan_of(PreparedFile(media=media())))
    made = make_manifest(whole, render_playlists(whole), IMAGES, origin=ORIGIN)
    assert (made.parts, made.clip, made.sources) == ((), None, ("/in.mp4",))


def test_a_file_that_a_clip_leaves_out_is_recorded_without_times() -> None:
    made = manifest("--from", "15", clip=CLIP)
    first, second = made.parts
    assert (first.start_s, first.duration_s, first.media) == (None, None, None)
    assert second.start_s == 0
    assert second.media
    assert made.clip == CLIP


def test_the_report_shows_parts_and_clip() -> None:
    figures = load_figures(manifest(), ())
    assert figures.title == "a, <1>.mp4 (+1)"
    page = render_report(figures)
    assert "Files that are joined" in page
    assert "a, &lt;1&gt;" in page
    assert "Clip" not in page
    page = render_report(load_figures(manifest("--from", "15", clip=CLIP), ()))
    assert "left out by the clip" in page
    assert "0:00:15.000 – " in page
    assert "canary" not in page
