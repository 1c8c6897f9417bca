"""The guard reads what the worker published to an S3 server, and plays it to FFmpeg."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from tests.functional.cdn.conftest import DURATION_S, guarding
from tests.functional.conftest import Server, ffprobe
from tests.functional.worker_process import RunWorker

BUCKET = "guarded"


def get(url: str, **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (loopback)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return answer.status, answer.headers, answer.read()


def test_what_is_published_to_s3_is_read_through_the_guard(
    moto: Server, lecture: Path, run_worker: RunWorker
) -> None:
    moto.make_bucket(BUCKET)
    ended = run_worker(
        *("--source", lecture, "--destination", f"s3://{BUCKET}/lectures/talk"),
        *("--s3-endpoint", moto.endpoint, "--preset", "superfast", "--ladder", "240"),
    )
    assert ended.status == 0, ended.stdout
    client = moto.client()
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix="lectures/talk/")["Contents"]
    segment = next(row for row in listed if "/240p/00000." in row["Key"])
    origin = {"ORIGIN": f"{moto.endpoint}/{BUCKET}/", "ORIGIN_HEADER": "Authorization: AWS any:key"}
    with guarding(**origin) as guarded:
        folder = ("--folder", "lectures/talk", "--path")
        master = guarded.sign(*folder, "lectures/talk/master.m3u8")
        found = json.loads(ffprobe("-of", "json", "-show_format", "-show_streams", master))
        assert float(found["format"]["duration"]) == pytest.approx(DURATION_S, abs=0.1)
        assert {stream["codec_type"] for stream in found["streams"]} >= {"audio", "video"}
        url = guarded.sign(*folder, segment["Key"])
        # The second is answered by the cache, which the first has filled.
        for _ in range(2):
            status, headers, data = get(url)
            assert (status, len(data)) == (200, segment["Size"])
            assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
            status, headers, part = get(url, Range="bytes=188-375")
            assert (status, part) == (206, data[188:376])
            assert headers["Content-Range"] == f"bytes 188-375/{segment['Size']}"
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            get(guarded.sign(*folder, "lectures/talk/none.ts"))
        missing.value.close()
    with guarding(ORIGIN=origin["ORIGIN"]) as unknown:
        with pytest.raises(urllib.error.HTTPError, match="502") as denied:
            get(unknown.sign("--path", "lectures/talk/master.m3u8"))
        denied.value.close()
