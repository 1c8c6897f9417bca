"""Text subtitles of uploads become WebVTT renditions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import assert_strictly_valid, named, read_published, read_rendition
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg


def test_text_subtitles_become_renditions(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    subtitles = []
    for i, words in enumerate(("안녕하세요", "Good morning")):
        path = tmp_path / f"{i}.srt"
        path.write_text(f"1\n00:00:01,000 --> 00:00:02,500\n{words}\n\n")
        subtitles += ["-i", path]
    tags = ("-metadata:s:s:0", "language=kor", "-metadata:s:s:1", "language=eng")
    maps = [word for i in range(4) for word in ("-map", i)]
    encoded = (*X264, "-c:a", "aac", "-c:s", "srt")
    ffmpeg(*video(4), *tone(4), *subtitles, *maps, *encoded, *tags, source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    master = (out / "master.m3u8").read_text()
    assert 'TYPE=SUBTITLES,GROUP-ID="text",NAME="Korean",LANGUAGE="ko",DEFAULT=NO' in master
    for line in master.splitlines():
        assert not line.startswith("#EXT-X-STREAM-INF") or 'SUBTITLES="text"' in line
    published = read_published(out)
    text = read_rendition(named(published.rungs[0].folder.with_name("text0"), "index.m3u8"))
    assert text.duration_s == pytest.approx(4, abs=0.05)
    # Where the container starts with the AAC encoder's priming, the video starts 21 ms later.
    content = text.segments[0].read_text()
    assert re.search(r"00:00:01\.0[02]\d --> 00:00:02\.5[02]\d\n안녕하세요", content)
    assert_strictly_valid(published)


def test_of_two_tracks_only_the_one_with_too_many_cues_is_left_out(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    cue = "00:00:0{0},000 --> 00:00:0{0},900\nword\n\n"
    for name, count in (("many", 3), ("few", 2)):
        cues = (f"{k + 1}\n" + cue.format(k) for k in range(count))
        (tmp_path / f"{name}.srt").write_text("".join(cues))
    texts = [word for name in ("many", "few") for word in ("-i", tmp_path / f"{name}.srt")]
    maps = [word for i in range(3) for word in ("-map", i)]
    ffmpeg(*video(4), *texts, *maps, *X264, "-c:s", "srt", source)
    ended = run_worker(
        *("--source", source, "--destination", out, *SMALL),
        before="import worker.hls.webvtt as webvtt; webvtt.MAX_CUES = 2",
    )
    assert ended.status == 0, ended.final
    (left_out,) = ended.named("subtitles_left_out")
    assert left_out["reason"] == "text0 cannot be used: there are more than 2 cues"
    master = (out / "master.m3u8").read_text()
    assert "/text1/index." in master
    assert "/text0/" not in master
