"""Files of subtitles beside an upload: published, added to a published run, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Server, ffmpeg
from tests.functional.hls import assert_strictly_valid, manifest_of, read_published
from tests.functional.source.faulty_server import SECRET, FaultyServer
from tests.functional.source.generated import SMALL, X264, video
from tests.functional.worker_process import Ended, RunWorker
from worker.hls.master import uris

SMI = """<SAMI>
<HEAD><STYLE TYPE="text/css"><!--
.KRCC { Name:Korean; lang:ko-KR; SAMIType:CC; }
.ENCC { Name:English; lang:en-US; SAMIType:CC; }
--></STYLE></HEAD>
<BODY>
<SYNC Start=1000><P Class=KRCC>안녕하세요<br><i>여러분</i> <박수>
<P Class=ENCC>Hello
<SYNC Start=2000><P Class=KRCC>&nbsp;<P Class=ENCC>&nbsp;
<SYNC Start=3500><P Class=KRCC>끝
<SYNC Start=9000><P Class=KRCC>너무 늦음
</BODY>
</SAMI>"""
SRT = "1\n00:00:01,500 --> 00:00:02,500\n{}\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000 line:0 align:start region:x\n<v 교수>a &amp; b</v>\n"


def cues(out: Path, name: str) -> str:
    """Return the only segment of a text rendition, without its head."""
    (path,) = out.glob(f"*/{name}/*.vtt")
    return path.read_text().partition("\n\n")[2].strip()


@pytest.mark.ffmpeg
def test_files_are_published_in_their_languages_beside_the_uploads_own(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    (tmp_path / "talk.smi").write_text(SMI, encoding="cp949")
    (tmp_path / "talk.srt").write_text(SRT.format("こんにちは"), encoding="utf-16")
    (tmp_path / "talk.vtt").write_text(VTT)
    (tmp_path / "own.srt").write_text(SRT.format("own"))
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    own = [word for _ in range(3) for word in ("-i", tmp_path / "own.srt")]
    maps = [word for i in range(4) for word in ("-map", i)]
    languages = enumerate(("kor", "eng", "kor"))
    tags = [w for i, code in languages for w in (f"-metadata:s:s:{i}", f"language={code}")]
    ffmpeg(*video(4), *own, *maps, *X264, *tags, "-disposition:s:2", "forced", source)
    texts = ("ko=talk.smi", "ja=talk.srt", "vi=talk.vtt")
    named = [w for text in texts for w in ("--subtitles", text.replace("=", f"={tmp_path}/"))]
    ended = run_worker("--source", source, "--destination", out, *SMALL, *named)
    assert ended.status == 0, ended.final
    assert cues(out, "text-ko") == (
        "00:00:01.000 --> 00:00:02.000\n안녕하세요\n<i>여러분</i> &lt;박수&gt;\n\n"
        "00:00:03.500 --> 00:00:04.000\n끝"
    )
    assert cues(out, "text-ja") == "00:00:01.500 --> 00:00:02.500\nこんにちは"
    assert cues(out, "text-vi") == (
        "00:00:01.000 --> 00:00:02.000 line:0 align:start\n<v 교수>a &amp; b</v>"
    )
    (cut,) = ended.named("cues_cut")
    assert (cut["language"], cut["left_out"], cut["shortened"]) == ("ko", 1, 1)
    read = [(event["format"], event["encoding"]) for event in ended.named("subtitles_read")]
    assert read == [("sami", "cp949"), ("srt", "utf-16-le"), ("webvtt", "utf-8")]
    # Of the upload's own, the Korean one is replaced; that which is forced stays.
    assert [event["tracks"] for event in ended.named("subtitles_replaced")] == [["text0"]]
    found = [r for r in manifest_of(out)["renditions"] if r["kind"] == "subtitles"]
    assert [(each["name"], each["language"]) for each in found] == [
        *(("text-ko", "ko"), ("text-ja", "ja"), ("text-vi", "vi")),
        *(("text1", "eng"), ("text2", "kor")),
    ]
    master = (out / "master.m3u8").read_text()
    assert 'NAME="Japanese",LANGUAGE="ja",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO' in master
    assert_strictly_valid(read_published(out))
    # What was replaced is in the source alone; the segments are those that are there.
    again = run_worker("--source", source, "--destination", out, *SMALL, *named[2:])
    assert again.final["segments_resumed"] == again.final["segments"]
    assert again.named("span_started") == []
    (master_line,) = (
        line for line in (out / "master.m3u8").read_text().splitlines() if "/text0/" in line
    )
    assert 'NAME="Korean",LANGUAGE="ko"' in master_line


BUCKET = "lectures"


def stored(client: Any) -> dict[str, str]:  # noqa: ANN401
    """Map the keys of what is published to their ETags."""
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix="out/")["Contents"]
    return {each["Key"].removeprefix("out/"): each["ETag"] for each in listed}


def master_of(client: Any, folder: str) -> str:  # noqa: ANN401
    answer = client.get_object(Bucket=BUCKET, Key=f"{folder}/master.m3u8")
    text: bytes = answer["Body"].read()
    return text.decode()


def texts_of(client: Any) -> dict[str, str]:  # noqa: ANN401
    """Map the text renditions that the master playlist names to their first segments."""

    def read(key: str) -> str:
        body: bytes = client.get_object(Bucket=BUCKET, Key=f"out/{key}")["Body"].read()
        return body.decode()

    playlists = {uri for uri in uris(read("master.m3u8")) if "/text" in uri}
    segments = {each: next(uris(read(each))) for each in playlists}
    return {
        playlist.split("/")[1]: read(f"{playlist.rpartition('/')[0]}/{segment}")
        for playlist, segment in segments.items()
    }


def test_files_are_added_to_a_published_run_without_an_encode(
    moto: Server, run_worker: RunWorker, calm_clip: Path
) -> None:
    """And replaced, and taken away again: always the same run, of the same segments."""
    moto.make_bucket(BUCKET)
    client = moto.client()
    client.upload_file(str(calm_clip), BUCKET, "in.mp4")

    def submit(*languages: str, to: str = "out") -> Ended:
        ended = run_worker(
            *("--source", f"s3://{BUCKET}/in.mp4", "--destination", f"s3://{BUCKET}/{to}"),
            *("--s3-endpoint", moto.endpoint, *SMALL),
            *(w for code in languages for w in ("--subtitles", f"{code}=s3://{BUCKET}/a.srt")),
        )
        assert ended.status == 0, ended.final
        return ended

    def put(words: str) -> None:
        client.put_object(Bucket=BUCKET, Key="a.srt", Body=SRT.format(words).encode())

    put("첫째")
    first = submit()
    before = stored(client)
    kept = {key: etag for key, etag in before.items() if key.endswith((".ts", ".jpg"))}
    assert texts_of(client) == {}
    for words, languages, is_new in (
        ("첫째", ["ko"], True),
        ("첫째", ["ko"], False),
        ("둘째", ["ko"], True),
        ("둘째", ["ko", "en"], True),
        ("둘째", [], True),
    ):
        put(words)
        ended = submit(*languages)
        assert ended.final["run"] == first.final["run"]
        assert ended.final.get("already_published", False) is not is_new
        # The source is neither fetched nor read.
        steps = [event["step"] for event in ended.named("step_started")]
        assert steps == (["publish", "end"] if is_new else ["end"])
        if is_new:
            figures = ("segments", "bytes", "rungs", "duration_s")
            assert [ended.final[each] for each in figures] == [
                first.final[each] for each in figures
            ]
            assert ended.final["segments_resumed"] == ended.final["segments"]
        assert {key: stored(client).get(key) for key in kept} == kept
        shown = texts_of(client)
        assert set(shown) == {f"text-{language}" for language in languages}
        assert all(words in text for text in shown.values())
        if len(languages) > 1:
            submit(*languages, to="fresh")
            masters = [master_of(client, to) for to in ("out", "fresh")]
            assert masters[0] == masters[1]
    # What viewers had last stays; what they had before that is gone.
    vtt = [client.get_object(Bucket=BUCKET, Key=f"out/{k}") for k in stored(client) if "/text" in k]
    bodies = [each["Body"].read().decode() for each in vtt]
    assert any("둘째" in body for body in bodies)
    assert not any("첫째" in body for body in bodies)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SRT.format("가") + "\n2\n00:00:0x,000 --> 00:00:03,000\n나\n", "line 6: its times cannot"),
        (SMI, "line 1: none of its classes is of the language ja; they are KRCC (ko-kr), ENCC"),
        ("", "line 1: the file is empty"),
        ("\0" * (5 << 20), "has more than 4 MiB"),
    ],
)
def test_a_bad_file_ends_the_job_with_65_its_name_and_a_line(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path, text: str, wanted: str
) -> None:
    path, out = tmp_path / "talk.srt", tmp_path / "out"
    path.write_text(text)
    job = ("--source", short_clip, "--destination", out, "--subtitles", f"ja={path}")
    final = run_worker(*job).final
    assert (final["exit_status"], final["code"]) == (65, "bad_subtitles")
    assert f"the subtitle file {path} " in final["message"]
    assert wanted in final["message"]
    assert {"en", "ko"} == set(final["teacher_message"])
    assert not (out / "master.m3u8").exists()


def test_a_missing_file_ends_the_job_with_66_and_its_name(
    run_worker: RunWorker, moto: Server, short_clip: Path, tmp_path: Path
) -> None:
    moto.make_bucket(BUCKET)
    final = run_worker(
        *("--source", short_clip, "--destination", tmp_path / "out"),
        *("--subtitles", f"ko=s3://{BUCKET}/none.srt", "--s3-endpoint", moto.endpoint),
    ).final
    assert final["exit_status"] == 66
    assert f"s3://{BUCKET}/none.srt" in final["message"]


def test_a_file_behind_a_url_is_read_whole_and_its_query_is_not_shown(
    faulty: FaultyServer, run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    faulty.body, faulty.cuts = SRT.format("가").encode(), 2
    job = ("--source", short_clip, "--destination", tmp_path / "out", *SMALL)
    text = ("--subtitles", f"ko={faulty.url}")
    refused = run_worker(*job, *text)
    assert refused.status == 66
    assert "--allow-private-sources" in refused.final["message"]
    ended = run_worker(*job, *text, "--allow-private-sources")
    assert ended.status == 0, ended.final
    assert cues(tmp_path / "out", "text-ko") == "00:00:01.500 --> 00:00:02.500\n가"
    assert SECRET not in ended.stdout + refused.stdout
    assert SECRET not in "".join(path.read_text() for path in (tmp_path / "out").glob("*.json"))


def test_a_file_that_trickles_ends_the_job_with_69(
    faulty: FaultyServer, run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    faulty.body, faulty.trickles = SRT.format("가" * 99).encode(), True
    ended = run_worker(
        *("--source", short_clip, "--destination", tmp_path / "out", "--allow-private-sources"),
        *("--subtitles", f"ko={faulty.url}"),
        before="import worker.source.subtitle_files as s, worker.storage.retrying as r\n"
        "s._LONGEST_READ_S, r.PATIENCE_S = 0.5, 1",
    )
    assert ended.status == 69, ended.stdout
    assert "/upload/in.mp4?… is sent too slowly" in ended.final["message"]


def test_a_file_whose_cues_are_all_past_the_end_is_left_out(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    """Most likely it is another video's."""
    path, out = tmp_path / "talk.srt", tmp_path / "out"
    path.write_text("1\n00:10:01,500 --> 00:10:02,500\n가\n")
    job = ("--source", short_clip, "--destination", out, *SMALL, "--subtitles", f"ko={path}")
    ended = run_worker(*job)
    assert ended.status == 0, ended.final
    (left_out,) = ended.named("subtitles_left_out")
    assert f"{path}: none of its cues is within the video" in left_out["reason"]
    assert "SUBTITLES" not in (out / "master.m3u8").read_text()
    warned = [each["event"] for each in manifest_of(out)["job"]["warnings"]]
    assert warned == ["cues_cut", "subtitles_left_out"]
