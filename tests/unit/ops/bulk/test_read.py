"""What a list may look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.bulk.read import Entry, read_list
from ops.errors import UsageError


def read(tmp_path: Path, text: str, name: str = "list.csv", encoding: str = "utf-8") -> list[Entry]:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_list(path)


def test_csv_has_a_heading_and_empty_cells_are_not_given(tmp_path: Path) -> None:
    text = "Source,Time-Limit,tag.Lesson\ns3://u/a.mp4,,7\n\ns3://u/b.mp4,90,\n"
    assert read(tmp_path, text, encoding="utf-8-sig") == [
        Entry(line=2, values={"source": "s3://u/a.mp4", "tag.Lesson": "7"}),
        Entry(line=4, values={"source": "s3://u/b.mp4", "time_limit": "90"}),
    ]


def test_a_row_is_named_by_its_first_line(tmp_path: Path) -> None:
    rows = read(tmp_path, 'source,tag\n"s3://u/a.mp4","a=1\nb=2"\ns3://u/b.mp4,\n')
    assert [row.line for row in rows] == [2, 4]
    assert rows[0].values["tag"] == "a=1\nb=2"


def test_json_lines_have_numbers_lists_and_tags(tmp_path: Path) -> None:
    text = (
        '{"source": "s3://u/a.mp4", "vcpus": 4, "report": true, "ladder": null,'
        ' "subtitles": ["ko=s3://u/a.srt", "en=s3://u/a.en.srt"], "tags": {"lesson": 7}}\n'
    )
    (row,) = read(tmp_path, text, "list.jsonl")
    assert row.values == {
        "source": "s3://u/a.mp4",
        "vcpus": "4",
        "report": "true",
        "subtitles": "ko=s3://u/a.srt\nen=s3://u/a.en.srt",
        "tag.lesson": "7",
    }


def test_a_row_that_cannot_be_read_is_a_fault_of_its_line(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"source": 1}\n{"source"\n[]\n{"source": {}}\n', "list.jsonl")
    assert [bool(row.fault) for row in rows] == [False, True, True, True]
    (row,) = read(tmp_path, "source\na,b\n")
    assert row.fault == "has 2 cells; the heading names 1"


@pytest.mark.parametrize(
    ("text", "name", "encoding", "words"),
    [
        ("source\n", "list.csv", "utf-8", "holds nothing to submit"),
        ("source,source\na,b\n", "list.csv", "utf-8", "source more than once"),
        ("source\n강의\n", "list.csv", "cp949", "is not UTF-8"),
        ('source\n"a\n', "list.csv", "utf-8", "is no CSV"),
        ("source\na\n", "list.txt", "utf-8", "ends with .csv or .jsonl"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    tmp_path: Path, text: str, name: str, encoding: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read(tmp_path, text, name, encoding)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_list(tmp_path / "none.csv")
