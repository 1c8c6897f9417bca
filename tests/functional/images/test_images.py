"""Storyboard, thumbnails and chapters: the right frame at each time; no failure ends the job."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.digests import without_digests
from tests.functional.conftest import FFMPEG, FFPROBE, ffmpeg, ffprobe, publish
from tests.functional.hls import assert_strictly_valid, manifest_of, read_published
from tests.functional.worker_process import RunWorker
from worker.config.cli import parse_job
from worker.ffmpeg.run import decoded_frames, run_ffmpeg
from worker.hls.encryption import CLEAR
from worker.hls.run import Run as PublishedRun
from worker.images import generate
from worker.plan.parallelism import Machine
from worker.plan.parts import PreparedFile
from worker.plan.plan import make_plan
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.source.probe import probe
from worker.storage.local import LocalStore
from worker.storage.retrying import RetryingStore
from worker.upload.checkpoint import recall

OPTIONS = ("--ladder", "288,180", "--segment", "2")
FAST = ("--preset", "superfast")


@pytest.fixture(scope="module")
def brightening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """190 s whose upper half has luma 30, plus one each second, so that a frame shows its time."""
    path = tmp_path_factory.mktemp("clip") / "brightening.mp4"
    upper = "geq=lum=30+T:cb=128:cr=128,scale=512:288:flags=neighbor,format=yuv420p"
    boxes = [
        f"drawbox=x={x}:y=200:w=256:h=88:color={c}:t=fill"
        for x, c in ((0, "black"), (256, "white"))
    ]
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:size=16x16:rate=10000/1001:duration=190"),
        *("-vf", ",".join((upper, *boxes))),
        *("-c:v", "libx264", "-qp", "4", "-preset", "ultrafast", path),
    )
    return path


@pytest.fixture(scope="module")
def published(brightening: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a job publishes of it, for tests that only read it, or that copy it."""
    return publish(tmp_path_factory.mktemp("published"), brightening, *OPTIONS, *FAST)


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def cues(track: Path) -> list[tuple[float, float, str]]:
    """Start, end and text of each cue."""
    found = re.findall(r"(\S+) --> (\S+)\n(.+)", track.read_text())
    return [(seconds(start), seconds(end), text) for start, end, text in found]


@dataclass(frozen=True)
class Sheet:
    """The luma of a decoded storyboard sheet."""

    width: int
    luma: bytes

    def mean(self, area: str) -> float:
        """Mean luma of the upper half of an area, in the video's limited range."""
        x, y, width, height = map(int, area.split(","))
        rows = range(y, y + height // 2)
        values = b"".join(self.luma[row * self.width + x :][:width] for row in rows)
        assert len(values) == width * len(rows)
        return 16 + sum(values) / len(values) * 219 / 255


def read_sheet(path: Path) -> Sheet:
    size = ffprobe("-show_entries", "stream=width,height", "-of", "csv=p=0", path)
    width, height = map(int, size.split(","))
    answer = subprocess.run(
        [
            *(FFMPEG, "-loglevel", "error", "-i", str(path)),
            *("-vf", "extractplanes=y", "-f", "rawvideo", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert len(answer.stdout) == width * height
    return Sheet(width, answer.stdout)


def assert_right_frames(out: Path) -> int:
    """Each cue shows what is on screen at its start; together they cover the video."""
    track = out / manifest_of(out)["storyboard"]
    found = cues(track)
    assert found[0][0] == 0
    assert found[-1][1] == pytest.approx(manifest_of(out)["duration_s"], abs=0.001)
    for (_, end, _), (start, _, _) in pairwise(found):
        assert end == start
    sheets = {path.name: read_sheet(path) for path in track.parent.glob("*.jpg")}
    for start, _, text in found:
        name, _, area = text.partition("#xywh=")
        # Luma is a whole number; the frame of the next cue is brighter by 6.
        assert sheets[name].mean(area) == pytest.approx(30 + start, abs=1.5), text
    return len(found)


@pytest.mark.ffmpeg
def test_the_storyboard_shows_the_frame_of_each_cue(published: Path) -> None:
    # One in 6 s: more than a sheet holds.
    assert assert_right_frames(published) == 32
    run = published / manifest_of(published)["run"]
    assert len(list((run / "storyboard").glob("*.jpg"))) == 2
    assert_strictly_valid(read_published(published))


@pytest.mark.ffmpeg
def test_the_storyboard_of_a_resumed_job_shows_the_frame_of_each_cue(
    run_worker: RunWorker, brightening: Path, published: Path, tmp_path: Path
) -> None:
    """Segments of two presets alternate; stored ones are not encoded again."""
    out = tmp_path / "out"
    shutil.copytree(published, out)
    options = ("--source", brightening, "--destination", out, *OPTIONS)
    run = out / manifest_of(out)["run"]
    for name in ("master.m3u8", "manifest.json"):
        (out / name).unlink()
    for path in [*run.glob("storyboard/*"), *run.glob("*/0003?.*.ts"), *run.glob("180p/0005?.*")]:
        path.unlink()
    second = run_worker(*options, "--preset", "faster")
    assert second.status == 0, second.stdout
    assert second.final["segments_resumed"] > 100
    assert manifest_of(out)["presets"] == ["faster", "superfast"]
    assert not second.named("images_left_out")
    assert assert_right_frames(out) == 32


def test_a_wrong_frame_is_never_published(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """A store answers with another segment: the job publishes a thumbnail and no storyboard."""
    out = tmp_path / "out"
    planted = (
        "from worker.storage.local import LocalStore\n"
        "get_start = LocalStore.get_start\n"
        "def wrong(self, key, length):\n"
        "    (other,) = (self._folder / key).parent.glob('00001.*')\n"
        "    other = other.relative_to(self._folder).as_posix()\n"
        "    return get_start(self, other if '/00002.' in key else key, length)\n"
        "LocalStore.get_start = wrong"
    )
    ended = run_worker("--source", small_clip, "--destination", out, before=planted)
    assert ended.status == 0, ended.stdout
    (left_out,) = ended.named("images_left_out")
    assert "00002." in left_out["reason"]
    manifest = manifest_of(out)
    assert manifest["storyboard"] is None
    assert not list((out / manifest["run"]).glob("storyboard"))
    (thumbnail,) = manifest["thumbnails"]
    assert (out / thumbnail).read_bytes() == (out / "thumbnail.jpg").read_bytes()


def test_images_decode_only_key_frames(
    brightening: Path, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under 3% of the frames are decoded once more, however the video is cut."""
    options = ["--source", str(brightening), "--destination", str(published), *OPTIONS]
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    tools = Tools(ffmpeg=FFMPEG, ffprobe=FFPROBE)
    workspace = Workspace(folder=tmp_path, tools=tools, budget=budget)
    job = parse_job(options, {})
    media = probe(brightening, job, workspace)
    plan = make_plan([PreparedFile(media=media)], job, machine=Machine(cores=2))
    store, name = RetryingStore(LocalStore(published), budget), manifest_of(published)["run"]
    checkpoint = recall(store, name, plan, CLEAR, budget=budget, threads=2)
    run = PublishedRun(name=name, plan=plan, renditions=checkpoint.renditions())
    tails: list[tuple[str, ...]] = []

    def recorded(*args: Any, **options: Any) -> tuple[str, ...]:
        tails.append(run_ffmpeg(*args, **options))
        return tails[-1]

    monkeypatch.setattr(generate, "run_ffmpeg", recorded)
    context = generate.ImageContext(run=run, store=store, workspace=workspace, threads=2)
    images = generate.generate_images(context, [brightening], ["talk"], with_chapters=True)
    assert images.storyboard
    assert images.storyboard.data.count(b"-->") == 32
    decoded = sum(sum(decoded_frames(tail).values()) for tail in tails)
    assert decoded == 32 + len(images.thumbnails)
    assert decoded < 0.03 * plan.grid.total_frames


@pytest.mark.ffmpeg
def test_each_good_slide_becomes_one_thumbnail(run_worker: RunWorker, tmp_path: Path) -> None:
    """Of two slides, a black part and a blurred one, as JPEGs of the right size."""
    source, out = tmp_path / "slides.mp4", tmp_path / "out"
    slide = "testsrc2=size=1600x900:rate=5:duration=12,trim=end_frame=1,loop=59:1,setpts=N/5/TB"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:size=1600x900:rate=5:duration=12"),
        *("-f", "lavfi", "-i", slide),
        *("-f", "lavfi", "-i", f"{slide},negate"),
        *("-f", "lavfi", "-i", f"{slide},boxblur=60"),
        *("-filter_complex", "[0][1][2][3]concat=n=4", "-pix_fmt", "yuv420p", source),
    )
    # Not at a faster preset, which leaves edges in the blurred part.
    assert run_worker("--source", source, "--destination", out).status == 0
    names = manifest_of(out)["thumbnails"]
    assert [without_digests(Path(name).name) for name in names] == ["0.jpg", "1.jpg"]
    assert (out / "thumbnail.jpg").read_bytes() == (out / names[0]).read_bytes()
    for name in names:
        size = ffprobe("-show_entries", "stream=width,height", "-of", "csv=p=0", out / name)
        assert size.strip() == "1280,720"


@pytest.mark.ffmpeg
def test_images_have_the_colors_of_the_video(run_worker: RunWorker, tmp_path: Path) -> None:
    """A JPEG has another matrix and range than the video: red stays red on thumbnail and sheet."""
    source, out = tmp_path / "red.mp4", tmp_path / "out"
    to_bt709 = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=0xc02040:size=1280x720:rate=5:duration=7"),
        *("-vf", f"format=gbrp,drawbox=x=900:w=380:color=white:t=fill,{to_bt709}"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", source),
    )
    assert run_worker("--source", source, "--destination", out, *FAST).status == 0
    sheet = out / manifest_of(out)["sheets"][0]
    shown = rgb(source, "crop=600:600:20:20", "in_color_matrix=bt709:in_range=tv")
    assert shown == pytest.approx((192, 32, 64), abs=8)
    jpeg = "in_color_matrix=smpte170m:in_range=pc"
    thumbnail = rgb(out / "thumbnail.jpg", "crop=600:600:20:20", jpeg)
    assert thumbnail == pytest.approx(shown, abs=3)
    assert rgb(sheet, "crop=90:80:4:4", jpeg) == pytest.approx(shown, abs=3)


def rgb(path: Path, crop: str, coded: str) -> tuple[float, ...]:
    """Mean color of a part of the first frame; `coded` states its matrix and range."""
    graph = f"{crop},scale={coded}:flags=accurate_rnd,format=rgb24"
    words = [FFMPEG, "-loglevel", "error", "-i", str(path), "-frames:v", "1", "-vf", graph]
    answer = subprocess.run(
        [*words, "-f", "rawvideo", "-"], check=True, capture_output=True, timeout=60
    )
    data = answer.stdout
    return tuple(sum(data[i::3]) / (len(data) // 3) for i in range(3))


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three slides, which change at 71.2 s and at 142 s, in the middle of a segment."""
    path = tmp_path_factory.mktemp("clip") / "slides.mp4"
    pages = (
        "[0]split=3[a][b][c];[a]loop=355:1[a];[b]negate,loop=353:1[b];[c]hflip,vflip,loop=349:1[c];"
    )
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=5:duration=0.2"),
        *("-filter_complex", f"{pages}[a][b][c]concat=n=3,setpts=N/5/TB"),
        *("-pix_fmt", "yuv420p", path),
    )
    return path


@pytest.mark.ffmpeg
def test_chapters_start_where_slides_change(
    run_worker: RunWorker, slides: Path, tmp_path: Path
) -> None:
    """A published video gets them without being encoded again."""
    out = tmp_path / "out"
    options = ("--source", slides, "--destination", out, *FAST)
    plain = run_worker(*options)
    assert plain.status == 0, plain.stdout
    assert manifest_of(out)["chapters"] == []
    asked = run_worker(*options, "--chapters")
    assert asked.status == 0, asked.stdout
    assert asked.final["run"] == plain.final["run"]
    assert asked.final["segments_resumed"] == asked.final["segments"]
    assert not asked.named("span_started")
    manifest = manifest_of(out)
    assert manifest["chapters"] == [
        {"start_s": 0, "title": "1"},
        {"start_s": pytest.approx(71.2, abs=0.21), "title": "2"},
        {"start_s": pytest.approx(142, abs=0.21), "title": "3"},
    ]
    track = cues(out / manifest["chapters_track"])
    assert [(start, text) for start, _, text in track] == [
        (chapter["start_s"], chapter["title"]) for chapter in manifest["chapters"]
    ]
    assert track[-1][1] == 212
    assert run_worker(*options, "--chapters").final["already_published"]
