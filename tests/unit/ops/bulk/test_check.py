"""All rows are checked before the first is submitted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ops.batch.request import Submission
from ops.bulk.check import Defaults, Row, check_entries
from ops.bulk.read import Entry
from ops.errors import UsageError

SOURCE, DESTINATION = "s3://uploads/2026/a talk.mp4", "s3://videos/hls/talk"
NONE = Defaults()


def check(values: Mapping[str, str], defaults: Defaults = NONE) -> Row:
    rows, faults = check_entries([Entry(line=2, values={"source": SOURCE, **values})], defaults)
    if faults:
        raise UsageError(faults[0].message)
    return rows[0]


def test_a_row_has_options_a_size_a_share_and_tags() -> None:
    row = check(
        {
            "destination": DESTINATION,
            "ladder": "720",
            "time_limit": "9000",
            "tag": "term=2026",
            "tag.lesson": "7",
            "vcpus": "8",
            "memory": "16384",
            "academy": "a42",
            "priority": "9",
        }
    )
    assert row.submission == Submission(
        source=SOURCE,
        destination=DESTINATION,
        options={"ladder": "720", "time_limit_s": "9000", "tag": "term=2026\nlesson=7"},
        academy="a42",
        priority=9,
        vcpus=8,
        memory_mib=16384,
    )


def test_a_row_has_further_parts_in_columns_of_their_own_and_a_clip() -> None:
    parts = {"source.10": "s3://uploads/c.mp4", "source.2": "s3://uploads/b, 2.mp4"}
    row = check({**parts, "from": "1:00", "to": "2:00:00"}, Defaults(destination="s3://vid/{stem}"))
    assert [str(each) for each in row.sources] == [SOURCE, parts["source.2"], parts["source.10"]]
    assert row.source == " + ".join([SOURCE, parts["source.2"], parts["source.10"]])
    assert str(row.destination) == "s3://vid/a talk", "named by the first part"
    assert row.submission.options == {"from_s": "1:00", "to_s": "2:00:00"}


def test_parts_that_cannot_be_used_are_named() -> None:
    given = {"source.2": "s3://uploads", "destination": DESTINATION}
    with pytest.raises(UsageError, match="part 2 of 2 names a bucket but no object"):
        check(given)
    with pytest.raises(UsageError, match=r"unknown columns: source\.33"):
        check({"source.33": "s3://uploads/b.mp4", "destination": DESTINATION})
    with pytest.raises(UsageError, match="source: is no JSON list"):
        check({"source": '["s3://uploads/b.mp4"', "destination": DESTINATION})


def test_the_command_line_holds_where_a_row_says_nothing() -> None:
    given = Submission(source="", destination="", options={"ladder": "720", "preset": "fast"})
    row = check({"destination": DESTINATION, "ladder": "480"}, Defaults(submission=given))
    assert row.submission.options == {"ladder": "480", "preset": "fast"}


@pytest.mark.parametrize(
    ("template", "destination"),
    [
        ("s3://videos/{stem}", "s3://videos/a talk"),
        ("s3://videos/{path}", "s3://videos/2026/a talk"),
        ("s3://videos/{name}/hls", "s3://videos/a talk.mp4/hls"),
    ],
)
def test_a_destination_is_made_of_the_source(template: str, destination: str) -> None:
    assert str(check({}, Defaults(destination=template)).destination) == destination


def test_a_presigned_url_gives_its_path_to_the_template() -> None:
    url = "https://u.example/%EA%B0%95/talk.mp4?X-Amz-Signature=secret"
    row = check({"source": url}, Defaults(destination="s3://videos/{path}"))
    assert str(row.destination) == "s3://videos/강/talk"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "destination is missing"),
        ({"destination": DESTINATION, "ladr": "720"}, "unknown columns: ladr"),
        ({"destination": DESTINATION, "ladder": "x"}, "--ladder"),
        ({"destination": DESTINATION, "vcpus": "many"}, "vcpus: write a whole number"),
        ({"destination": DESTINATION, "priority": "10000"}, "priority: write a whole number"),
        ({"destination": DESTINATION, "academy": "a-42"}, "letters and digits"),
        ({"destination": DESTINATION, "key_secret": "x"}, "unknown columns: key_secret"),
        ({"destination": "/videos/hls"}, "path of this machine"),
    ],
)
def test_a_faulty_row_says_why(values: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(values)


def test_each_fault_has_its_line_and_the_good_rows_are_there_too() -> None:
    entries = [
        Entry(line=2, values={"source": SOURCE, "destination": DESTINATION}),
        Entry(line=3, values={"destination": DESTINATION}),
        Entry(line=4, values={"source": SOURCE, "destination": DESTINATION + "/"}),
        Entry(line=5, values={}, fault="is not JSON"),
    ]
    rows, faults = check_entries(entries, NONE)
    assert [row.line for row in rows] == [2]
    assert [(fault.line, fault.message) for fault in faults] == [
        (3, "source is missing"),
        (4, f"destination {DESTINATION} is that of line 2 too"),
        (5, "is not JSON"),
    ]


def test_a_row_is_recognized_by_all_that_it_says() -> None:
    same = [check({"destination": each}) for each in (DESTINATION, DESTINATION + "/")]
    assert len({row.digest for row in same}) == 1
    others = [
        check({"destination": DESTINATION, **more})
        for more in ({"ladder": "720"}, {"vcpus": "4"}, {"academy": "a"}, {"priority": "0"})
    ]
    assert len({row.digest for row in (*same, *others)}) == 5
