"""Several files of one lecture, from S3 and https: fetched by ranges, named, and known again."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Server, ffmpeg
from tests.functional.hls import files
from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.source.faulty_server import SECRET, FaultyServer
from tests.functional.source.generated import X264
from tests.functional.source.test_replaced import IN_SMALL_RANGES, at_call
from tests.functional.worker_process import RunWorker

FAST = ("--ladder", "180", "--preset", "superfast")
CANARY = SECRET.partition("=")[2]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds without audio."""
    path = tmp_path_factory.mktemp("morning") / "morning, 1.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=5", *X264, path)
    return path


@pytest.fixture
def parts(moto: Server, morning: Path, faulty: FaultyServer) -> tuple[str, ...]:
    """The options of a part in S3, whose name holds what separates values, and one behind https."""
    moto.make_bucket("uploads")
    key = f"{uuid.uuid4().hex}/{morning.name}"
    moto.client().upload_file(str(morning), "uploads", key)
    return (
        *("--s3-endpoint", moto.endpoint, "--allow-private-sources"),
        *("--source", f"s3://uploads/{key}", "--source", faulty.url),
    )


def manifest(out: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / "manifest.json").read_bytes())
    return read


def test_parts_of_different_stores_are_fetched_by_ranges_and_known_again(
    parts: tuple[str, ...], faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = (*parts, *FAST, "--destination", out)
    ended = run_worker(*options, "--to", "0:12.5", before=IN_SMALL_RANGES)
    assert ended.status == 0, ended.stdout
    assert len([wanted for wanted in faulty.requested if wanted]) > 3, "by ranges"
    (started,) = [e for e in ended.named("step_started") if e["step"] == "fetch"]
    made = manifest(out)
    assert started["bytes"] == made["source_media"]["bytes"]
    assert started["bytes"] == sum(part["media"]["bytes"] for part in made["parts"])
    assert [part["name"] for part in made["parts"]] == ["morning, 1", "in"]
    assert [part["start_s"] for part in made["parts"]] == [0, 5]
    assert made["duration_s"] == pytest.approx(12.5, abs=0.05)
    assert [chapter["title"] for chapter in made["chapters"]] == ["morning, 1", "in"]
    assert (ended.final["parts"], ended.final["clip"]) == (2, {"start_s": 0.0, "end_s": 12.5})
    status = json.loads((out / "status.json").read_bytes())
    assert status["parts"] == [part["source"] for part in made["parts"]]
    assert status["clip"] == made["clip"] == ended.final["clip"]

    requests = len(faulty.requested)
    again = run_worker(*options, "--to", "12.5")
    assert "already published" in again.final["message"]
    assert len(faulty.requested) == requests + 1, "opened, and not fetched"
    other = [*parts[:-3], parts[-1], "--source", parts[-3]]
    ended = run_worker(*other, *FAST, "--destination", out, "--to", "12.5")
    assert ended.status == 0, ended.stdout
    assert "already published" not in ended.final["message"], "another order is another request"
    assert manifest(out)["run"] != made["run"]
    assert [part["name"] for part in manifest(out)["parts"]] == ["in", "morning, 1"]
    shown = ended.stdout.encode() + b"".join(files(out).values())
    assert CANARY.encode() not in shown


def test_a_part_that_is_replaced_during_its_download_is_named(
    parts: tuple[str, ...], faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    faulty.replaced_after = 2
    out = tmp_path / "out"
    ended = run_worker(*parts, "--destination", out, before=IN_SMALL_RANGES)
    assert_failed(ended, out, 66, "part 2 of 2: http://", "was replaced while it was read")
    assert CANARY not in ended.stdout


def test_a_local_part_that_is_replaced_during_the_encode_is_named(
    run_worker: RunWorker, morning: Path, small_clip: Path, tmp_path: Path
) -> None:
    """And what was stored of it is deleted."""
    second, out = tmp_path / "second.mp4", tmp_path / "out"
    second.write_bytes(small_clip.read_bytes())
    planted = at_call("steps.make_subtitles", f"os.utime({str(second)!r}, ns=(1, 1))")
    ended = run_worker(
        *("--source", morning, "--source", second, "--destination", out, *FAST), before=planted
    )
    assert_failed(ended, out, 66, f"part 2 of 2: {second} was replaced while it was read")
    assert list(out.rglob("*.ts")) == []


def test_a_part_that_is_missing_is_named_before_anything_is_fetched(
    parts: tuple[str, ...], faulty: FaultyServer, run_worker: RunWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    missing = ("--source", "s3://uploads/missing.mp4")
    ended = run_worker(*parts, *missing, "--destination", out)
    assert_failed(ended, out, 66, "part 3 of 3: cannot read s3://uploads/missing.mp4")
    assert len(faulty.requested) == 1


def test_parts_that_are_too_large_together_are_refused(
    parts: tuple[str, ...],
    run_worker: RunWorker,
    morning: Path,
    faulty: FaultyServer,
    tmp_path: Path,
) -> None:
    largest = max(morning.stat().st_size, len(faulty.body)) * 1.01 / (1 << 30)
    out = tmp_path / "out"
    ended = run_worker(*parts, "--destination", out, "--max-source-gib", f"{largest:.9f}")
    assert_failed(ended, out, 65, "or more up to part 2 of 2", "GiB are accepted")
    assert ended.final["code"] == "too_large"


def test_a_clip_past_the_end_is_refused_with_the_length(
    parts: tuple[str, ...], run_worker: RunWorker, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    message = "--to 0:00:18.500 is past the end: the source lasts 0:00:18"
    assert_failed(run_worker(*parts, "--destination", out, "--to", "0:18.5"), out, 64, message)
