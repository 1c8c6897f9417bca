"""Comparing what two jobs published: what differs is reported, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.compare.__main__ import choose_jobs
from tests.compare.jobs import JOBS, CannotCompareError
from tests.compare.published import (
    Published,
    compare,
    name_run,
    read_files,
    set_aside,
    without_run,
)
from tests.compare.run import remove_some

SEGMENT, PLAYLIST, CHAPTERS = "RUN/360p/00000.ts", "RUN/360p/index.m3u8", "RUN/chapters.vtt"


RUN = "0123456789abcdef"


def folder(
    changed: Mapping[str, bytes | None] | None = None, *, run: str = RUN
) -> dict[str, bytes]:
    """A destination's files; `changed` ones by their keys, None removes one."""
    files: dict[str, bytes | None] = {
        "master.m3u8": f"#EXTM3U\n#EXT-X-STREAM-INF:X=1\n{run}/360p/index.m3u8\n".encode(),
        "thumbnail.jpg": b"image",
        "manifest.json": b'{"schema": 1, "run": "x"}',
        "status.json": b'{"beat": 1}',
        f"{run}/checkpoint.json": b'{"segments": []}',
        f"{run}/360p/index.m3u8": b"#EXTM3U\n#EXTINF:6.000000,\n00000.ts\n",
        f"{run}/360p/00000.ts": b"G\x00\x01\x02",
        f"{run}/chapters.vtt": b"WEBVTT\n",
    }
    files |= {key.replace("RUN/", f"{run}/"): data for key, data in (changed or {}).items()}
    return {key: data for key, data in files.items() if data is not None}


def published(
    changed: Mapping[str, bytes | None] | None = None, *, status: int | None = 0
) -> Published:
    return without_run([status], folder(changed))


def differences(old: Published, new: Published) -> list[str]:
    return [str(each) for each in compare(old, new).differences]


def test_the_same_files_are_the_same_and_counted() -> None:
    found = compare(published(), published())
    assert not found.differences
    assert not found.records
    # Without the three records.
    assert found.files == 5
    assert found.bytes == sum(
        len(data) for key, data in published().files.items() if not key.endswith(".json")
    )


def test_the_name_of_the_run_is_no_difference() -> None:
    old = published()
    new = without_run([0], folder(run="fedcba9876543210"))
    assert (old.run, new.run) == (RUN, "fedcba9876543210")
    assert not differences(old, new)


def test_a_second_folder_beside_the_run_is_a_difference() -> None:
    new = published({"ffff/360p/00000.ts": b"G"})
    assert differences(published(), new) == ["ffff/360p/00000.ts: only in this tree"]


def test_without_a_master_playlist_the_only_folder_is_the_run() -> None:
    files = {"status.json": b"{}", "abc/360p/00000.ts": b"G"}
    assert name_run(files) == "abc"
    assert name_run(files | {"def/360p/00000.ts": b"G"}) is None
    assert name_run({"status.json": b"{}"}) is None


def test_a_byte_of_a_segment_is_reported_with_its_position() -> None:
    found = compare(published(), published({SEGMENT: b"G\0a"}))
    assert found.has_other_segments
    assert [str(each) for each in found.differences] == [
        f"{SEGMENT}: 4 bytes in OLD, 3 in this tree, the first that differs at 2"
    ]


def test_a_segment_that_is_cut_differs_at_its_end() -> None:
    new = published({SEGMENT: b"G\0"})
    assert differences(published(), new)[0].endswith("the first that differs at 2")


@pytest.mark.parametrize("key", ["thumbnail.jpg", PLAYLIST, CHAPTERS, "master.m3u8"])
def test_images_and_texts_are_compared(key: str) -> None:
    changed = folder()[key.replace("RUN", RUN)] + b"#more"
    found = compare(published(), published({key: changed}))
    assert [each.key for each in found.differences] == [key]
    assert not found.has_other_segments


def test_the_first_line_that_differs_is_quoted() -> None:
    new = published({PLAYLIST: b"#EXTM3U\n#EXTINF:5.960000,\n00000.ts\n"})
    text = "line 2 is '#EXTINF:6.000000,' in OLD, '#EXTINF:5.960000,' in this tree"
    assert differences(published(), new) == [f"{PLAYLIST}: {text}"]
    shorter = published({PLAYLIST: b"#EXTM3U\n#EXTINF:6.000000,\n"})
    assert differences(published(), shorter)[0].endswith(
        "line 3 is '00000.ts' in OLD, missing in this tree"
    )


def test_a_line_end_that_differs_is_reported() -> None:
    new = published({CHAPTERS: b"WEBVTT"})
    assert differences(published(), new) == [
        "RUN/chapters.vtt: 7 bytes in OLD, 6 in this tree, the first that differs at 6"
    ]


@pytest.mark.parametrize("key", [CHAPTERS, "manifest.json", "thumbnail.jpg"])
def test_a_file_that_only_one_published_is_reported(key: str) -> None:
    whole, less = published(), published({key: None})
    assert differences(whole, less) == [f"{key}: only in OLD"]
    assert differences(less, whole) == [f"{key}: only in this tree"]


def test_of_records_only_top_level_keys_are_reported() -> None:
    new = published(
        {"manifest.json": b'{"run": "y", "version": 2, "a": 1}', "status.json": b'{"beat": 9}'}
    )
    found = compare(published(), new)
    assert not found.differences
    assert found.records == ("manifest.json: +a +version -schema",)


def test_a_record_that_is_no_object_any_more_is_reported() -> None:
    found = compare(published(), published({"manifest.json": b"[]", "status.json": b"{"}))
    assert len(found.records) == 2


@pytest.mark.parametrize(("old", "new"), [(0, 65), (0, None), (65, 65), (None, None)])
def test_an_exit_status_other_than_0_in_both_is_a_difference(
    old: int | None, new: int | None
) -> None:
    found = differences(published(status=old), published(status=new))
    assert len(found) == 1
    assert "exit status" in found[0]


def test_a_file_that_old_does_not_repeat_is_set_aside_and_no_other_is() -> None:
    new = published({SEGMENT: b"new", "thumbnail.jpg": b"new"})
    found = compare(published(), new)
    again = published({SEGMENT: b"again"})
    left = set_aside(found, old=published(), again=again)
    assert left.unreproducible == (SEGMENT,)
    assert [each.key for each in left.differences] == ["thumbnail.jpg"]


def test_what_old_repeats_or_lacks_the_second_time_is_not_set_aside() -> None:
    found = compare(published(), published({SEGMENT: b"new"}))
    for again in (published(), published({SEGMENT: None}), without_run([71], {})):
        assert set_aside(found, old=published(), again=again) == found


def test_a_file_that_is_not_published_is_not_set_aside() -> None:
    """Whatever OLD does the second time; and no second run is needed for it."""
    found = compare(published(), without_run([70], {}))
    assert not found.has_other_segments
    again = published({SEGMENT: b"again", "manifest.json": b"{}"})
    assert set_aside(found, old=published(), again=again) == found


def test_files_are_read_with_their_keys(tmp_path: Path) -> None:
    for key, data in folder().items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(data)
    assert read_files(tmp_path) == folder()
    assert read_files(tmp_path / "none") == {}


def test_a_job_to_resume_loses_the_commit_and_other_segments_of_each_rung(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for rendition in ("360p", "180p", "audio"):
        (run / rendition).mkdir(parents=True)
        for index in range(5):
            (run / rendition / f"{index:05d}.ts").touch()
    (tmp_path / "master.m3u8").touch()
    (tmp_path / "manifest.json").touch()
    remove_some(tmp_path)
    assert sorted(read_files(tmp_path)) == [
        *(f"run/180p/0000{index}.ts" for index in (0, 2, 4)),
        *(f"run/360p/0000{index}.ts" for index in (0, 2, 3)),
        *(f"run/audio/0000{index}.ts" for index in (0, 1, 2, 3)),
    ]


def test_nothing_to_remove_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.m3u8").touch()
    (tmp_path / "manifest.json").touch()
    with pytest.raises(CannotCompareError, match="needs audio"):
        remove_some(tmp_path)


def test_jobs_are_chosen_by_name() -> None:
    assert choose_jobs("") == list(JOBS)
    assert [job.name for job in choose_jobs("hdr, vfr,hdr")] == ["hdr", "vfr"]
    with pytest.raises(CannotCompareError, match="no job is named other"):
        choose_jobs("hdr,other")
    assert len({job.name for job in JOBS}) == len(JOBS) == 10
