"""A source that is replaced while it is read is never published as a mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Server, ffmpeg, publish
from tests.functional.hls import files, without_run_name
from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.source.faulty_server import FaultyServer
from tests.functional.worker_process import Ended, RunWorker
from worker.config.location import HttpsLocation, S3Location
from worker.errors import NoSourceError
from worker.storage.https import HttpsSource
from worker.storage.s3_source import S3Source

# So that a short clip is read by many requests.
IN_SMALL_RANGES = "import worker.source.fetch.download as d; d._RANGE_BYTES = 1 << 15"
ETAGS = ({"ETag": '"v1"'}, {"ETag": '"v2"'})
WEAK_ETAGS = ({"ETag": 'W/"v1"'}, {"ETag": 'W/"v2"'})
TIMES = (
    {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
    {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"},
)


@pytest.mark.parametrize(
    ("headers", "difference"),
    [
        (ETAGS, 'ETag was "v1", and is "v2"'),
        (WEAK_ETAGS, "ETag"),
        (TIMES, "Last-Modified"),
        (({}, {}), "bytes, and has"),
    ],
    ids=["ETag", "weak ETag", "Last-Modified", "size"],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_source_that_is_replaced_during_its_download_ends_the_job_with_66(
    headers: tuple[dict[str, str], dict[str, str]],
    difference: str,
    ranges: bool,  # noqa: FBT001 (named by parametrize)
    faulty: FaultyServer,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    """Bytes of two versions are never mixed, in ranges or in what is read from the start again."""
    faulty.headers, faulty.ranges = headers, ranges
    # One byte more, at the end of a whole video, where only the size differs.
    faulty.replacement = faulty.body + (b"" if headers[0] else b"x")
    faulty.replaced_after, faulty.cuts = 2, 0 if ranges else 2
    out = tmp_path / "out"
    ended = run_worker(*faulty.source, "--destination", out, before=IN_SMALL_RANGES)
    assert_was_replaced(ended, out, difference)


def test_an_s3_source_that_is_replaced_during_its_download_ends_the_job_with_66(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    """The store does not know If-Match."""
    faulty.replaced_after = 2
    out = tmp_path / "out"
    ended = run_worker(*faulty.s3_source, "--destination", out, before=IN_SMALL_RANGES)
    assert_was_replaced(ended, out, "ETag")


def test_a_source_that_is_shorter_by_now_was_replaced(faulty: FaultyServer) -> None:
    """Its last ranges do not exist any more; S3 answers alike."""
    source = HttpsSource(HttpsLocation(url=faulty.url), connections=1, allow_private=True)
    faulty.body = b"short"
    with pytest.raises(NoSourceError, match=r"was replaced while it was read .*it is shorter"):
        next(source.read(10, 20))


def assert_was_replaced(ended: Ended, out: Path, difference: str) -> None:
    assert ended.status == 66, ended.stdout
    assert "was replaced while it was read" in ended.final["message"]
    assert difference in ended.final["message"]
    assert "submit the job again" in ended.final["message"]
    assert not (out / "master.m3u8").exists()


@pytest.mark.parametrize("kind", ["source", "s3_source"])
def test_an_answer_of_another_range_is_requested_again(
    kind: str, faulty: FaultyServer, run_worker: RunWorker, calm_clip: Path, tmp_path: Path
) -> None:
    """It is no other version: something on the way answers for the server."""
    faulty.strays = 2
    out, local = tmp_path / "out", tmp_path / "local"
    options = (*getattr(faulty, kind), "--destination", out)
    ended = run_worker(*options, before=IN_SMALL_RANGES)
    assert ended.status == 0, ended.stdout
    assert ["and it has Content-Range: bytes 0-" in e["reason"] for e in retried(ended)] == [
        *(True, True),
    ]
    assert run_worker("--source", calm_clip, "--destination", local).status == 0
    assert without_run_name(files(out)) == without_run_name(files(local))


def test_answers_that_are_always_of_another_range_end_the_job_with_69(
    faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    faulty.strays = 1 << 30
    ended = run_worker(
        *(*faulty.source, "--destination", tmp_path / "out"),
        before=f"{IN_SMALL_RANGES}\nimport worker.storage.retrying as r; r.PATIENCE_S = 1",
    )
    assert ended.status == 69, ended.stdout
    assert "were requested, and it has Content-Range: bytes 0-" in ended.final["message"]


def retried(ended: Ended) -> list[dict[str, Any]]:
    return ended.named("storage_retried")


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_an_object_is_read_and_one_that_was_replaced_is_not(
    name: str, request: pytest.FixtureRequest
) -> None:
    """By stores that know If-Match and that do not."""
    server: Server = request.getfixturevalue(name)
    client = server.client()
    server.make_bucket("replaced")
    client.put_object(Bucket="replaced", Key="in.mp4", Body=b"one")
    source = S3Source(client, S3Location(bucket="replaced", key="in.mp4"))
    assert b"".join(source.read(1, 3)) == b"ne"
    client.put_object(Bucket="replaced", Key="in.mp4", Body=b"another")
    with pytest.raises(NoSourceError, match="was replaced while it was read"):
        next(source.read(0, 3))


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_an_empty_object_is_opened(name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    server.make_bucket("empty")
    server.client().put_object(Bucket="empty", Key="in.mp4", Body=b"")
    assert S3Source(server.client(), S3Location(bucket="empty", key="in.mp4")).size_bytes == 0


def at_call(target: str, act: str) -> str:
    """Code that does something whenever a function of the worker is called."""
    owner, _, name = target.rpartition(".")
    return (
        f"import os\nimport worker.steps as steps, worker.storage.local as local\n"
        f"called = {target}\n"
        f"def then_called(*arguments, **options):\n    {act}\n"
        f"    return called(*arguments, **options)\n"
        f"{owner}.{name} = then_called"
    )


@pytest.mark.parametrize("way", ["renamed over", "truncated"])
def test_a_local_source_that_is_replaced_during_the_encode_ends_the_job_with_66(
    way: str, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """Not with 65 either, where what is there now cannot be decoded.

    Its stored segments are deleted: if the first source was put back, they would count as its own.
    """
    source, new, out = tmp_path / "upload.mp4", tmp_path / "new.mp4", tmp_path / "out"
    source.write_bytes(small_clip.read_bytes())
    ffmpeg("-i", source, "-vf", "negate", "-c:v", "libx264", "-preset", "ultrafast", new)
    if way == "renamed over":
        # When the first segment is stored.
        replaced = f"'.ts' in arguments[1].key and os.path.exists({str(new)!r})"
        planted = at_call(
            "local.LocalStore.put", f"{replaced} and os.replace({str(new)!r}, {str(source)!r})"
        )
    else:
        planted = at_call("steps.encode_run", f"os.truncate({str(source)!r}, 10_000)")
    options = ("--source", source, "--destination", out, "--segment", "2", "--parallel-spans", "2")
    ended = run_worker(*options, before=planted)
    assert_failed(ended, out, 66, str(source), "was replaced while it was read")
    # What is renamed over it in a moment may be refused to an FFmpeg that is just being started.
    assert ended.named("ffmpeg_failed") or way == "renamed over"
    assert list(out.rglob("*.ts")) == []


def test_a_local_source_that_is_replaced_before_the_last_step_leaves_what_is_published(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """With --chapters the run is the same: it stays for its viewers."""
    source = tmp_path / "upload.mp4"
    source.write_bytes(small_clip.read_bytes())
    out = publish(tmp_path, source)
    before = {name: data for name, data in files(out).items() if name != "status.json"}
    planted = at_call("steps.generate_images", f"os.utime({str(source)!r}, ns=(1, 1))")
    ended = run_worker("--source", source, "--destination", out, "--chapters", before=planted)
    assert ended.status == 66, ended.stdout
    assert "was replaced while it was read (its time of modification" in ended.final["message"]
    after = files(out)
    assert {name: after[name] for name in before} == before
