"""Parts of a source, fetched from real servers; and sources of which the whole is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.functional.conftest import Server, ffmpeg, media
from tests.functional.served import served
from tests.functional.source.faulty_server import FaultyServer
from tests.functional.source.generated import tone, video
from tests.functional.span_frames import frames, make, workspace
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.config.location import HttpsLocation, LocalLocation, S3Location
from worker.errors import BadSourceError, NoSourceError
from worker.plan.plan import Plan, Span
from worker.plan.saved import plan_from_json, plan_to_json
from worker.source.fetch.mapping import add_byte_maps
from worker.source.fetch.ranged import RangedSource
from worker.source.fetch.sources import WholeFile, fetch_as_needed
from worker.source.prepare import PlannedSource
from worker.storage.base import RemoteFile
from worker.storage.https import HttpsSource
from worker.storage.local_source import LocalFile
from worker.storage.open import OpenedParts, OpenedSource
from worker.storage.s3_source import S3Source

# A quarter of the file: what is read to open it is a tenth, and a span is eight seconds with half a
# minute around it.
MOST = 0.25


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five minutes of 50 MB, with B-frames and audio."""
    folder = tmp_path_factory.mktemp("lecture")
    piece, path = folder / "piece.mp4", folder / "lecture.mp4"
    encoded = ("-c:v", "libx264", "-preset", "superfast", "-b:v", "1300k", "-g", 50)
    ffmpeg(*video(20), *tone(20), "-vf", "noise=alls=40:allf=t", *encoded, "-c:a", "aac", piece)
    ffmpeg("-stream_loop", 14, "-i", piece, "-c", "copy", path)
    return path


@pytest.fixture(scope="module")
def planned(lecture: Path) -> Plan:
    """As one machine writes it, and another one reads it."""
    plan = make(lecture, "--ladder", "180", "--segment", "4")
    source = PlannedSource(paths=(lecture,), plan=plan)
    return plan_from_json(plan_to_json(add_byte_maps(source, [lecture], workspace(lecture.parent))))


@pytest.fixture
def https(lecture: Path) -> Iterator[FaultyServer]:
    server = FaultyServer(lecture.read_bytes())
    with served(server):
        yield server


def span_at(plan: Plan, segment: int) -> Span:
    return Span(first=segment, end=segment + 2, rungs=(plan.rungs[-1].name,), preset="ultrafast")


def open_https(server: FaultyServer) -> RemoteFile:
    return HttpsSource(HttpsLocation(url=server.url), connections=4, allow_private=True)


def job(*options: str) -> Job:
    return parse_job(["--source", "/in.mp4", "--destination", "/out", *options], {})


def parts_of(remote: RemoteFile, folder: Path, *options: str) -> RangedSource:
    location = LocalLocation(path=Path("/in.mp4"))
    opened = OpenedSource(location=location, content=remote, identity=remote.identity)
    (source,) = fetch_as_needed(OpenedParts((opened,)), job(*options), workspace(folder))
    assert isinstance(source, RangedSource)
    return source


def named(logged: list[Any], event: str) -> list[dict[str, Any]]:
    return [line for line in logged if line["event"] == event]


@pytest.mark.parametrize("kind", ["https", "moto"])
def test_a_span_takes_a_small_part_of_the_source_and_all_of_it_can_be_added(
    kind: str, request: pytest.FixtureRequest, lecture: Path, planned: Plan, tmp_path: Path
) -> None:
    server = request.getfixturevalue(kind)
    if isinstance(server, Server):
        server.make_bucket("parts")
        server.client().upload_file(str(lecture), "parts", "in.mp4")
        remote: RemoteFile = S3Source(server.client(), S3Location(bucket="parts", key="in.mp4"))
    else:
        remote = open_https(server)
    size, middle = lecture.stat().st_size, span_at(planned, planned.grid.segment_count // 2)
    parts = parts_of(remote, tmp_path)
    parts.ensure(planned, middle)
    assert 0 < parts.bytes_present < MOST * size
    assert parts.path.stat().st_size == size
    # Holes take no space.
    assert parts.path.stat().st_blocks * 512 < 1.1 * MOST * size
    expected = frames(planned, middle, lecture, tmp_path)
    assert frames(planned, middle, parts.path, tmp_path) == expected
    parts.complete()
    assert parts.path.read_bytes() == lecture.read_bytes()


def requested_bytes(server: FaultyServer) -> int:
    bounds = [r.removeprefix("bytes=").split("-") for r in server.requested if r]
    return sum(int(last) - int(first) + 1 for first, last in bounds)


def test_only_what_is_missing_is_requested(
    https: FaultyServer, planned: Plan, tmp_path: Path
) -> None:
    parts = parts_of(open_https(https), tmp_path)
    span, size = span_at(planned, 30), len(https.body)
    parts.ensure(planned, span)
    assert requested_bytes(https) < MOST * size
    count = len(https.requested)
    parts.ensure(planned, span)
    assert len(https.requested) == count
    parts.ensure(planned, span_at(planned, 32))
    assert requested_bytes(https) < 1.3 * MOST * size
    with capture_logs() as logged:
        parts.complete()
        parts.complete()
        parts.ensure(planned, span_at(planned, 60))
    # Small gaps are requested again.
    assert size <= requested_bytes(https) < 1.1 * size
    (line,) = named(logged, "source_fetched_whole")
    assert line["reason"] == "all of it is needed"


def test_a_part_whose_connection_is_cut_is_continued(
    https: FaultyServer, planned: Plan, lecture: Path, tmp_path: Path
) -> None:
    parts = parts_of(open_https(https), tmp_path)
    https.cuts = 2
    span = span_at(planned, 30)
    parts.ensure(planned, span)
    assert https.cuts == 0
    expected = frames(planned, span, lecture, tmp_path)
    assert frames(planned, span, parts.path, tmp_path) == expected


def test_a_source_that_is_replaced_between_two_parts_is_noticed(
    https: FaultyServer, planned: Plan, tmp_path: Path
) -> None:
    parts = parts_of(open_https(https), tmp_path)
    parts.ensure(planned, span_at(planned, 10))
    https.replaced_after = len(https.requested)
    with pytest.raises(NoSourceError, match="was replaced while it was read"):
        parts.ensure(planned, span_at(planned, 60))


def test_a_server_without_ranges_sends_the_whole(
    https: FaultyServer, planned: Plan, tmp_path: Path
) -> None:
    https.ranges = False
    parts = parts_of(open_https(https), tmp_path)
    with capture_logs() as logged:
        parts.ensure(planned, span_at(planned, 30))
    assert parts.path.read_bytes() == https.body
    (line,) = named(logged, "source_fetched_whole")
    assert line["reason"] == "its server takes no ranges"


def test_a_source_that_is_too_large_is_refused(https: FaultyServer, tmp_path: Path) -> None:
    with pytest.raises(BadSourceError, match="GiB are accepted"):
        parts_of(open_https(https), tmp_path, "--max-source-gib", "0.01")


def test_a_local_source_is_read_where_it_is(lecture: Path, tmp_path: Path) -> None:
    local = OpenedSource(location=LocalLocation(path=lecture), content=lecture, identity="file")
    parts = fetch_as_needed(OpenedParts((local,)), job(), workspace(tmp_path))
    assert parts == (WholeFile(lecture),)


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        ("oddities/gradio__video_sample.webm", "its container is matroska,webm"),
        ("oddities/lpms__vertical-sample.ts", "its container is mpegts"),
        ("oddities/media__sample_fragmented.mp4", "it is fragmented"),
        ("oddities/media__sample_partially_fragmented.mp4", "it is fragmented"),
    ],
)
def test_a_clip_that_has_no_index_of_all_packets_is_fetched_whole(
    clip: str, reason: str, tmp_path: Path
) -> None:
    source = media(clip)
    plan = make(source)
    with capture_logs() as logged:
        shared = add_byte_maps(
            PlannedSource(paths=(source,), plan=plan), [source], workspace(tmp_path)
        )
        parts = parts_of(LocalFile(source.parent, source.name), tmp_path)
        parts.ensure(shared, span_at(plan, 0))
    assert shared == plan
    assert [line["reason"] for line in named(logged, "source_not_mapped")] == [reason]
    (line,) = named(logged, "source_fetched_whole")
    assert line["reason"] == "its plan has no map of its bytes"
    assert parts.path.read_bytes() == source.read_bytes()


def test_a_source_that_was_repaired_is_not_mapped(
    lecture: Path, planned: Plan, tmp_path: Path
) -> None:
    repaired = PlannedSource(paths=(tmp_path / "repaired.mkv",), plan=planned)
    with capture_logs() as logged:
        assert add_byte_maps(repaired, [lecture], workspace(tmp_path)) == planned
    assert named(logged, "source_not_mapped")[0]["reason"] == "its timestamps were repaired"
