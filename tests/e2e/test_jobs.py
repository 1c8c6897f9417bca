"""The image transcodes and reports its exit status, whatever the user that it runs as."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import Ended, Running

JOB = ["--source", "/data/in.mp4", "--destination", "/data/out"]
LOCKED_DOWN = [
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/scratch:rw,mode=1777"),
]
SECONDS = 4


def mount(data: Path) -> list[str]:
    return ["--volume", f"{data}:/data"]


@pytest.mark.parametrize(
    "options",
    [[], ["--user", "1234:1234", *LOCKED_DOWN]],
    ids=["default", "another user, only the work folder writable"],
)
def test_a_job_publishes_a_playable_lecture(
    run: Callable[..., Ended],
    make_video: Callable[[Path, int], None],
    data: Path,
    options: list[str],
) -> None:
    make_video(data / "in.mp4", SECONDS)
    ended = run(JOB, [*mount(data), *options])
    assert ended.status == 0, ended.stdout[-2000:] + ended.stderr
    assert ended.final["outcome"] == "published"
    master = data / "out" / "master.m3u8"
    assert master.stat().st_uid == (1234 if options else 10001)
    probe = ["ffprobe", "-loglevel", "error", "-count_frames", "-of", "json", "-show_streams"]
    text = subprocess.run([*probe, master], check=True, stdout=subprocess.PIPE).stdout
    streams = {s["codec_type"]: s for s in json.loads(text)["streams"]}
    assert int(streams["video"]["nb_read_frames"]) == SECONDS * 30
    assert streams["audio"]["codec_name"] == "aac"
    playlist = next(data.glob("out/*/180p/index*.m3u8")).read_text()
    extinf = [float(line[8:].rstrip(",")) for line in playlist.splitlines() if "#EXTINF" in line]
    assert sum(extinf) == pytest.approx(SECONDS, abs=0.001)
    assert (data / "out" / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")
    first = datetime.fromisoformat(ended.events[0]["timestamp"]).timestamp()
    print(f"from container start to the worker's first log line: {first - ended.started_at:.2f} s")


def test_bad_parameters_end_with_64(run: Callable[..., Ended]) -> None:
    ended = run(["--source", "Ref::source"])
    assert (ended.status, ended.final["outcome"]) == (64, "bad_parameters")


def test_a_bad_source_ends_with_65_and_publishes_nothing(
    run: Callable[..., Ended], data: Path
) -> None:
    (data / "in.mp4").write_bytes(b"This is a lecture about containers. " * 100)
    ended = run(JOB, [*mount(data), *LOCKED_DOWN])
    assert (ended.status, ended.final["outcome"]) == (65, "bad_source")
    assert not (data / "out" / "master.m3u8").exists()


def test_sigterm_during_the_encode_ends_with_143_and_a_checkpoint(
    start: Callable[..., Running], make_video: Callable[[Path, int], None], data: Path
) -> None:
    make_video(data / "in.mp4", 300)
    running = start([*JOB, "--preset", "superfast", "--segment", "2"], mount(data))
    deadline = time.monotonic() + 300
    while not list(data.glob("out/*/180p/00001*.ts")):
        assert running.process.poll() is None, running.wait().stdout
        assert time.monotonic() < deadline, "no segment in 300 s"
        time.sleep(0.2)
    sent = time.monotonic()
    running.send("TERM")
    ended = running.wait(30)
    print(f"from SIGTERM to the container's end: {time.monotonic() - sent:.1f} s")
    assert (ended.status, ended.final["outcome"]) == (143, "terminated")
    assert next(data.glob("out/*/checkpoint.json"))
    assert not (data / "out" / "master.m3u8").exists()
