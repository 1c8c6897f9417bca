"""What a whole job costs beyond its encode: from S3 to S3, at any length, on two cores."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from moto.server import ThreadedMotoServer

from tests.bench.choices import measure_first_rung, measure_speech
from tests.bench.clips import loop
from tests.bench.cost import OUTPUT_NAME, Cost
from tests.bench.lanes import measure_scheduler
from tests.bench.machines import measure_machines
from tests.bench.starts import measure_sandbox
from tests.bench.ways import plan_for, run_worker, start_plain
from tests.functional.conftest import ACCESS_KEY, FFMPEG, MEDIA, SECRET_KEY, Server, free_port
from tests.functional.storage.proxy import Proxy, between
from worker.runtime.resources import count_cores

Row = tuple[str, str]

_UPLOAD = "s3://academy/source.mp4"
_LATENCY_S = 0.02
_HEAD, _SCREEN = "lecture/LivePortrait__s18.mp4", "lecture/gradio__art-critic.mp4"
_STILL = "lecture/Kap__incomplete.mp4"
# Ten frames a second: three hours of it are encoded in minutes.
_SLOW = "normal/sample-videos__one-by-one-person-detection.mp4"
_RUNS, _LONG_S = 2, 600


def _run(
    folder: Path,
    source: object,
    destination: object,
    *options: str,
    before: str = "",
    **environment: str,
) -> Cost:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    options = ("--log-format", "json", *options)
    return run_worker(
        source,
        destination,
        *options,
        work=work,
        watched=folder,
        environment=environment,
        before=before,
    )


def measure_copy(folder: Path) -> Iterator[Row]:
    """Copy the source's H.264, against encoding the same two minutes."""
    source = folder / "upload.mp4"
    subprocess.run(
        [
            *(FFMPEG, "-nostdin", "-loglevel", "error", "-y"),
            *("-stream_loop", "-1", "-i", MEDIA / _SCREEN, "-t", "120"),
            *("-vf", "fps=30", "-c:v", "libx264", "-preset", "medium", "-crf", "23", "-g", "60"),
            *("-c:a", "aac", source),
        ],
        check=True,
    )
    costs: dict[str, list[Cost]] = {"always": [], "never": []}
    for number in range(2):
        for way, found in costs.items():
            found.append(_run(folder, source, folder / f"{way}-{number}", "--copy-top", way))
    elapsed = {way: median(cost.elapsed_s for cost in found) for way, found in costs.items()}
    cpu = {way: median(cost.cpu_s for cost in found) for way, found in costs.items()}
    ratio = elapsed["always"] / elapsed["never"]
    yield "copied top rung, elapsed time to that of encoding it", f"{ratio:.2f}"
    yield "the same, CPU", f"{cpu['always'] / cpu['never']:.2f}"


def measure_overhead(folder: Path) -> Iterator[Row]:
    """Ten minutes from S3 to S3, each answer 20 ms late, against FFmpeg alone on a local disk.

    Unlike a real one, the S3 server and the proxy that delays it use the same cores. The ratio is
    also given without the CPU seconds that they take.
    """
    source = loop(MEDIA / _HEAD, folder / "source.mp4", seconds=_LONG_S)
    options = ("--copy-top", "never")
    plan = plan_for(source, folder, *options)
    ratios, without_store, cpu_s = [], [], []
    with _storing(source) as proxy:
        s3 = ("--s3-endpoint", proxy.endpoint, "--s3-region", "ap-northeast-2")
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        for number in range(_RUNS):
            used_s = time.process_time()
            out = f"s3://academy/out-{number}"
            cost = _run(folder, _UPLOAD, out, *options, *s3, **keys)
            store_s = (time.process_time() - used_s) / count_cores()
            here = folder / f"plain-{number}"
            here.mkdir()
            plain_s = start_plain(source, plan, here)
            cpu_s.append(cost.cpu_s)
            ratios.append(cost.elapsed_s / plain_s)
            without_store.append((cost.elapsed_s - store_s) / plain_s)
    yield (
        "ten minutes from S3 to S3 with 20 ms, elapsed time against FFmpeg alone",
        _spread(ratios),
    )
    yield "the same, without the CPU time of the S3 server", _spread(without_store)
    yield "the same job, CPU seconds for a second of video", f"{median(cpu_s) / _LONG_S:.3f}"


@contextmanager
def _storing(source: Path) -> Iterator[Proxy]:
    """Serve a source from an S3 server in this process, whose answers are late."""
    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.start()
    try:
        store = Server("moto", f"http://127.0.0.1:{port}")
        with between(store) as proxy:
            client = store.client()
            location = {"LocationConstraint": "ap-northeast-2"}
            client.create_bucket(Bucket="academy", CreateBucketConfiguration=location)
            client.upload_file(str(source), *_UPLOAD.removeprefix("s3://").split("/"))
            proxy.delay_s = _LATENCY_S
            yield proxy
    finally:
        server.stop()


def _spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.3f} ({', '.join(f'{ratio:.3f}' for ratio in ratios)})"


# Planted in the worker: CPU seconds of it and its FFmpegs for the images, written on stderr.
_MEASURE_IMAGES = """
import os, sys
import worker.steps as pipeline
generate_images = pipeline.generate_images
def counted(*arguments, **named):
    before = sum(os.times()[:4])
    try:
        return generate_images(*arguments, **named)
    finally:
        print("images", sum(os.times()[:4]) - before, file=sys.stderr)
pipeline.generate_images = counted
"""


def measure_images(folder: Path) -> Iterator[Row]:
    """Storyboard, thumbnails and chapters of a still recording, whose encode is cheap."""
    source = loop(MEDIA / _STILL, folder / "source.mp4", seconds=240)
    cost = _run(folder, source, folder / "out", "--chapters", before=_MEASURE_IMAGES)
    lines = (folder / OUTPUT_NAME).read_text().splitlines()
    (images_s,) = [float(line.split()[1]) for line in lines if line.startswith("images ")]
    yield (
        "storyboard, thumbnails, chapters of four minutes of still screen, share of the job's CPU",
        f"{images_s / cost.cpu_s:.1%} ({images_s:.2f} of {cost.cpu_s:.1f} s)",
    )


# Planted in the worker: CPU seconds of its threads in some functions, written on stderr at the end.
_MEASURE_SEALING = """
import atexit, sys, time
import worker.hls.encryption as encryption, worker.upload.muxer as muxer
spent = {"encrypt": 0.0, "mux": 0.0}
def count(owner, name):
    function = getattr(owner, name)
    def counted(*arguments, **named):
        before = time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            spent[name] += time.thread_time() - before
    setattr(owner, name, counted)
count(encryption.SegmentCipher, "encrypt")
count(muxer.Muxer, "mux")
atexit.register(lambda: print(*(f"{k} {v}" for k, v in spent.items()), sep="\\n", file=sys.stderr))
"""
_SECRET = "a secret of the bench, 32 bytes or more"
_ENCRYPTED = ("--encrypt", "--key-uri", "https://keys.example/{key_id}")


def measure_layouts(folder: Path) -> Iterator[Row]:
    """A talking head with its audio in a rendition of its own and muxed, clear and encrypted."""
    source = loop(MEDIA / _HEAD, folder / "source.mp4", seconds=120)
    costs, parts, sizes = {}, {}, {}
    for name, options in (
        ("separate", ()),
        ("muxed", ("--audio", "muxed")),
        ("encrypted", _ENCRYPTED),
        ("muxed and encrypted", ("--audio", "muxed", *_ENCRYPTED)),
    ):
        out = folder.parent / f"{folder.name}-{name.replace(' ', '-')}"
        costs[name] = _run(
            folder,
            source,
            out,
            *("--copy-top", "never", *options),
            before=_MEASURE_SEALING,
            WORKER_KEY_SECRET=_SECRET,
        )
        rows = [line.split() for line in (folder / OUTPUT_NAME).read_text().splitlines()]
        parts[name] = {r[0]: float(r[1]) for r in rows if r and r[0] in {"encrypt", "mux"}}
        manifest = json.loads((out / "manifest.json").read_text())
        sizes[name] = {r["name"]: r["bytes"] for r in manifest["renditions"]}
    separate = sizes["separate"]
    for name in ("muxed", "encrypted", "muxed and encrypted"):
        stored = sum(sizes[name].values()) / sum(separate.values())
        yield f"{name}: bytes stored against separate and clear", f"{stored:.3f}"
        for rung in (rung for rung in separate if rung != "audio"):
            has_audio = "muxed" in name
            found = sizes[name][rung] + (0 if has_audio else sizes[name]["audio"])
            ratio = found / (separate[rung] + separate["audio"])
            yield f"{name}: bytes that a viewer of {rung} loads, the same", f"{ratio:.3f}"
        shares = ", ".join(
            f"{part} {spent_s / costs[name].cpu_s:.2%}" for part, spent_s in parts[name].items()
        )
        yield f"{name}: share of the job's CPU ({costs[name].cpu_s:.0f} s)", shares


def measure_scale(folder: Path) -> Iterator[Row]:
    """Ten minutes, an hour, three hours of the same."""
    for minutes in (10, 60, 180):
        source = loop(MEDIA / _SLOW, folder / f"{minutes}.mp4", seconds=60 * minutes)
        options = ("--ladder", "432", "--preset", "superfast", "--copy-top", "never")
        # Not below the work folder, whose size is measured.
        destination = folder.parent / f"{folder.name}-out-{minutes}"
        source_bytes = sum(path.stat().st_size for path in folder.glob("*.mp4"))
        cost = _run(folder, source, destination, *options)
        disk = (cost.disk_bytes - source_bytes) / 1e6
        yield (
            f"{minutes} minutes: CPU seconds a minute, memory of the largest process, disk",
            f"{cost.cpu_s / minutes:.2f} s, {cost.memory_bytes / 1e6:.0f} MB, {disk:.1f} MB",
        )


def measure_lanes(folder: Path) -> Iterator[Row]:
    """Keep two cores busy with one FFmpeg, and with two."""
    source = loop(MEDIA / _HEAD, folder / "source.mp4", seconds=180)
    costs: dict[int, list[Cost]] = {1: [], 2: []}
    for number in range(2):
        for lanes, found in costs.items():
            options = ("--parallel-spans", str(lanes), "--copy-top", "never")
            found.append(_run(folder, source, folder / f"{lanes}-{number}", *options))
    for lanes, found in costs.items():
        busy = median(cost.cpu_s / cost.elapsed_s for cost in found)
        yield f"cores kept busy of {count_cores()} by {lanes} spans at a time", f"{busy:.2f}"
    elapsed = {lanes: median(cost.elapsed_s for cost in found) for lanes, found in costs.items()}
    yield "elapsed time of two spans at a time against one", f"{elapsed[2] / elapsed[1]:.2f}"


def measure_start(folder: Path) -> Iterator[Row]:
    """From the start of Python to the first FFmpeg, and to the encode of a local file."""
    source = loop(MEDIA / _HEAD, folder / "source.mp4", seconds=10)
    starts: dict[str, list[float]] = {"worker_started": [], "span_started": []}
    for number in range(5):
        started = datetime.now().astimezone()
        _run(folder, source, folder / f"out-{number}")
        for line in (folder / OUTPUT_NAME).read_text().splitlines():
            if '"event"' in line and (event := _event(line))["event"] in starts:
                at = datetime.fromisoformat(event["timestamp"])
                starts[event["event"]].append((at - started).total_seconds())
    yield "start of Python to the first FFmpeg, s", f"{median(starts['worker_started']):.2f}"
    yield "start of Python to the encode's FFmpeg, s", f"{median(starts['span_started']):.2f}"


def _event(line: str) -> dict[str, Any]:
    event = json.loads(line)
    return event if isinstance(event, dict) else {"event": ""}


MEASURES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "copy": measure_copy,
    "first-rung": measure_first_rung,
    "speech": measure_speech,
    "overhead": measure_overhead,
    "images": measure_images,
    "layouts": measure_layouts,
    "scale": measure_scale,
    "lanes": measure_lanes,
    "machines": measure_machines,
    "sandbox": measure_sandbox,
    "scheduler": measure_scheduler,
    "start": measure_start,
}
OWN_TABLES = frozenset({"first-rung", "layouts", "machines", "sandbox", "speech"})
