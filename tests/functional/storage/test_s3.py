"""S3 as source and as destination, on three implementations, compared with local folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.digests import without_digests
from tests.functional.conftest import Server
from tests.functional.hls import files, without_run_name
from tests.functional.worker_process import RunWorker


@pytest.fixture(params=["moto", "rclone", "ceph"])
def s3(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    server.make_bucket("academy")
    return server


def objects(
    client: Any,  # noqa: ANN401
    prefix: str,
    bucket: str = "academy",
) -> dict[str, bytes]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return {
        key.removeprefix(prefix): client.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in keys
    }


def test_s3_to_s3_publishes_the_same_bytes_as_local_to_local(
    s3: Server, run_worker: RunWorker, calm_clip: Path, tmp_path: Path
) -> None:
    """Keys with spaces and non-ASCII letters included."""
    client = s3.client()
    client.upload_file(str(calm_clip), "academy", "uploads/강의 1 (final)+.mp4")
    out = tmp_path / "out"
    local = run_worker("--source", calm_clip, "--destination", out)
    remote = run_worker(
        *("--source", "s3://academy/uploads/강의 1 (final)+.mp4"),
        *("--destination", f"s3://academy/published/{s3.name} 1"),
        *("--s3-endpoint", s3.endpoint),
    )
    assert (local.status, remote.status) == (0, 0), remote.stdout
    in_s3 = objects(client, f"published/{s3.name} 1/")
    assert without_run_name(in_s3) == without_run_name(files(out))
    assert len(in_s3) == 18


def test_objects_have_the_headers_that_players_and_caches_need(
    moto: Server, run_worker: RunWorker, small_clip: Path
) -> None:
    client = moto.client()
    moto.make_bucket("headers")
    ended = run_worker(
        *("--source", small_clip, "--destination", "s3://headers/out"),
        *("--s3-endpoint", moto.endpoint),
    )
    assert ended.status == 0
    run = ended.final["run"]
    expected = {
        "master.m3u8": ("application/vnd.apple.mpegurl", "no-cache"),
        f"{run}/180p/index.m3u8": (
            "application/vnd.apple.mpegurl",
            "public, max-age=31536000, immutable",
        ),
        f"{run}/180p/00000.ts": ("video/mp2t", "public, max-age=31536000, immutable"),
        f"{run}/audio/00000.ts": ("video/mp2t", "public, max-age=31536000, immutable"),
        f"{run}/180p/iframes.m3u8": (
            "application/vnd.apple.mpegurl",
            "public, max-age=31536000, immutable",
        ),
        f"{run}/storyboard/index.vtt": ("text/vtt", "public, max-age=31536000, immutable"),
        f"{run}/storyboard/sheet-000.jpg": ("image/jpeg", "public, max-age=31536000, immutable"),
        f"{run}/thumbnails/0.jpg": ("image/jpeg", "public, max-age=31536000, immutable"),
        "thumbnail.jpg": ("image/jpeg", "public, max-age=604800"),
        "manifest.json": ("application/json", "no-cache"),
        "status.json": ("application/json", "no-cache"),
    }
    stored = {without_digests(key): key for key in objects(client, "out/", "headers")}
    for key, headers in expected.items():
        head = client.head_object(Bucket="headers", Key=f"out/{stored[key]}")
        assert (head["ContentType"], head["CacheControl"]) == headers, key


def test_the_run_before_the_previous_one_is_deleted(
    s3: Server, run_worker: RunWorker, short_clip: Path
) -> None:
    """The previous run stays for players that are in mid-video."""
    where = (
        *("--destination", f"s3://academy/switch-{s3.name}"),
        *("--s3-endpoint", s3.endpoint),
    )
    runs = [
        run_worker("--source", short_clip, *where, "--ladder", rung).final["run"]
        for rung in ("180", "144", "120")
    ]
    stored = objects(s3.client(), f"switch-{s3.name}/")
    assert {name.partition("/")[0] for name in stored if "/" in name} == set(runs[1:])
    assert runs[2].encode() in stored["master.m3u8"]
