"""Jobs of one lecture after one another: resumed, with another URI of the key, another secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.functional.conftest import wait_for
from tests.functional.encryption.conftest import NOWHERE, OTHER_SECRET, SECRET, KeyOf, options
from tests.functional.encryption.test_stored import decrypted, has_packets
from tests.functional.hls import manifest_of
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker

OTHER_URI = "http://localhost:9/lectures/7/keys/{key_id}"
DEBUG = ("--log-level", "debug")
# Of AAC in MPEG-TS: the start of a PES packet.
_AUDIO_PES = re.compile(rb"\x00\x00\x01\xc0..[\x80-\x8f]", re.DOTALL)


def written(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*.ts")}


def video(out: Path) -> dict[Path, int]:
    return {path: at for path, at in written(out).items() if path.parent.name != "audio"}


def playlists(out: Path) -> str:
    return "".join(path.read_text() for path in out.glob("*/*/index.*.m3u8"))


@pytest.mark.ffmpeg
@pytest.mark.parametrize("audio", ["separate", "muxed"])
def test_a_killed_job_continues_from_what_it_encrypted(
    start_worker: StartWorker,
    run_worker: RunWorker,
    lecture: Path,
    tmp_path: Path,
    key_of: KeyOf,
    audio: str,
) -> None:
    """Also where nothing is recorded: each segment is decrypted and compared with the plan.

    Muxed audio of an earlier job is decrypted for the segments of video that it goes into.
    """
    out = tmp_path / "out"
    how = {"before": FAST_LEASE, "environment": {"WORKER_KEY_SECRET": SECRET}}
    words = (*options(lecture, out), *DEBUG, "--preset", "slower", "--audio", audio)
    running = start_worker(*words, **how)
    wait_for(lambda: len(video(out)) >= 4, what="four segments of video")
    running.process.kill()
    running.wait(30)
    for checkpoint in out.glob("*/checkpoint.json"):
        checkpoint.unlink()
    # What another key encrypted, or the network damaged, is no segment.
    before = video(out)
    damaged = next(iter(before))
    damaged.write_bytes(damaged.read_bytes()[:-16])
    del before[damaged]
    second = run_worker(*words, **how)
    assert second.status == 0, second.stdout
    (refused,) = second.named("stored_segment_refused")
    assert damaged.name in refused["segment"]
    assert second.final["segments_resumed"] >= len(before) >= 3
    assert {path: written(out)[path] for path in before} == before
    key = key_of(manifest_of(out)["encryption"]["key_id"], str(out), [SECRET])
    assert key
    found = list(decrypted(out, key))
    assert all(has_packets(data) for *_, data in found)
    with_audio = {name for name, _, data in found if _AUDIO_PES.search(data)}
    assert with_audio == ({"audio", "180p", "144p"} if audio == "muxed" else {"audio"})
    assert not any(has_packets(path.read_bytes()) for path in out.rglob("*.ts"))


def test_another_uri_of_the_key_is_published_without_encoding(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    environment = {"WORKER_KEY_SECRET": SECRET}
    first = run_worker(*options(short_clip, out), environment=environment)
    assert first.status == 0, first.stdout
    before, key_id = written(out), manifest_of(out)["encryption"]["key_id"]
    again = run_worker(*options(short_clip, out), environment=environment)
    assert again.final["already_published"]
    moved = run_worker(*options(short_clip, out, OTHER_URI), *DEBUG, environment=environment)
    assert moved.status == 0, moved.stdout
    assert not moved.final.get("already_published")
    assert moved.final["run"] == first.final["run"]
    assert moved.named("segment_encoded") == []
    assert written(out) == before
    assert OTHER_URI.format(key_id=key_id) in playlists(out)
    manifest = manifest_of(out)
    assert manifest["encryption"]["key_uri"] == OTHER_URI.format(key_id=key_id)
    # Viewers in mid-video keep the playlists that they had.
    assert NOWHERE.format(key_id=key_id) in playlists(out)


def test_another_secret_makes_another_run(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path, key_of: KeyOf
) -> None:
    """After a rotation; the run that viewers had stays, with the key that it had."""
    out = tmp_path / "out"
    runs, key_ids = [], []
    for secret in (SECRET, OTHER_SECRET):
        ended = run_worker(
            *options(short_clip, out), *DEBUG, environment={"WORKER_KEY_SECRET": secret}
        )
        assert ended.status == 0, ended.stdout
        assert ended.named("segment_encoded")
        runs.append(ended.final["run"])
        key_ids.append(manifest_of(out)["encryption"]["key_id"])
    assert runs[0] != runs[1]
    assert manifest_of(out)["previous_run"] == runs[0]
    assert list((out / runs[0]).rglob("*.ts"))
    keys = [key_of(key_id, str(out), [OTHER_SECRET, SECRET]) for key_id in key_ids]
    assert None not in keys
    assert keys[0] != keys[1]
    assert key_of(key_ids[0], str(out), [OTHER_SECRET]) is None


def test_without_a_secret_nothing_is_done(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    """Above all the video is not published in the clear."""
    ended = run_worker(*options(short_clip, tmp_path / "out"))
    assert ended.status == 64
    assert "WORKER_KEY_SECRET" in ended.final["message"]
    assert not (tmp_path / "out").exists()


def test_subtitles_that_are_added_leave_the_encryption_as_it_is(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    """And they stay clear."""
    out, text = tmp_path / "out", tmp_path / "text.srt"
    text.write_text("1\n00:00:00,500 --> 00:00:02,000\n안녕하세요\n", encoding="utf-8")
    environment = {"WORKER_KEY_SECRET": SECRET}
    assert run_worker(*options(short_clip, out), environment=environment).status == 0
    before, encryption = written(out), manifest_of(out)["encryption"]
    words = (*options(short_clip, out), *DEBUG, "--subtitles", f"ko={text}")
    ended = run_worker(*words, environment=environment)
    assert ended.status == 0, ended.stdout
    assert ended.named("planned") == [], "the source was not even fetched"
    assert written(out) == before
    assert manifest_of(out)["encryption"] == encryption
    assert any("안녕하세요" in path.read_text("utf-8") for path in out.rglob("*.vtt"))
    assert "TYPE=SUBTITLES" in (out / "master.m3u8").read_text()
