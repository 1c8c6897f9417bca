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


SRT = "1\n00:00:01,234 --> 00:00:02,345\n{}\n\n"
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.23,0:00:02.34,Default,,0,0,0,,{\\fad(9,9)}하나\\N{\\i1}x < y{\\i0} && z
Dialogue: 0,0:00:01.23,0:00:02.34,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
"""
VTT = """WEBVTT

1
00:01.234 --> 00:02.345 line:0 align:start
<v 교수>a &amp;&amp; b, <c.code>x &lt; y</c>
"""


def published_texts(run_worker: RunWorker, source: Path) -> list[str]:
    """Publish a source; return the only segment of each text rendition, without its head."""
    out = source.with_name("out")
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("subtitles_left_out") == []
    found = (path.read_text() for path in sorted(out.glob("*/text*/*.vtt")))
    return [text.partition("\n\n")[2].strip() for text in found]


TIMING = "00:00:01.234 --> 00:00:02.345"


@pytest.mark.parametrize(
    ("name", "text", "codec", "suffix", "wanted"),
    [
        ("s.srt", SRT.format("i<n && <i>x</i>"), "srt", "mkv", "i&lt;n &amp;&amp; <i>x</i>"),
        ("s.srt", SRT.format("a && <b>강조</b>"), "mov_text", "mp4", "a &amp;&amp; <b>강조</b>"),
        ("s.ass", ASS, "copy", "mkv", "하나\n<i>x &lt; y</i> &amp;&amp; z"),
        ("s.vtt", VTT, "copy", "webm", "<v 교수>a &amp;&amp; b, <c.code>x &lt; y</c>"),
    ],
)
def test_texts_are_escaped_and_on_time(
    run_worker: RunWorker,
    tmp_path: Path,
    name: str,
    text: str,
    codec: str,
    suffix: str,
    wanted: str,
) -> None:
    (tmp_path / name).write_text(text)
    source = tmp_path / f"in.{suffix}"
    encoder = ("-c:v", "libvpx") if suffix == "webm" else X264
    ffmpeg(*video(4), "-i", tmp_path / name, *encoder, "-c:s", codec, source)
    (found,) = published_texts(run_worker, source)
    timing = {
        "s.ass": "00:00:01.230 --> 00:00:02.340",
        "s.vtt": f"{TIMING} line:0 align:start",
    }.get(name, TIMING)
    assert found == f"{timing}\n{wanted}"


@pytest.mark.parametrize("encoding", ["cp949", "utf-16-le"])
def test_korean_that_is_not_in_utf_8_is_read(
    run_worker: RunWorker, tmp_path: Path, encoding: str
) -> None:
    """As programs leave it that copy a file into Matroska without reading it."""
    words, source, out = "안녕 하세요. <박수>", tmp_path / "in.mkv", tmp_path / "out"
    raw = words.encode(encoding)
    stand_in = "x" * len(raw)
    (tmp_path / "s.srt").write_text(SRT.format(stand_in))
    ffmpeg(*video(4), "-i", tmp_path / "s.srt", *X264, "-c:s", "copy", source)
    source.write_bytes(source.read_bytes().replace(stand_in.encode(), raw))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    (decoded,) = ended.named("subtitles_decoded")
    assert (decoded["track"], decoded["encoding"]) == ("text0", encoding)
    (segment,) = out.glob("*/text0/*.vtt")
    assert f"{TIMING}\n안녕 하세요. &lt;박수&gt;\n" in segment.read_text()


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
