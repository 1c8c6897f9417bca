"""Whether an answer is of the file that was opened, and of the range that was requested."""

from __future__ import annotations

import pytest

from worker.errors import NoSourceError, StorageUnavailableError
from worker.storage.answers import Version, check_range, read_size, read_total


def version(
    size: int | None = 9, etag: str | None = '"a"', last_modified: str | None = None
) -> Version:
    return Version(size_bytes=size, etag=etag, last_modified=last_modified)


@pytest.mark.parametrize(
    ("first", "later", "difference"),
    [
        (version(), version(etag='"b"'), 'ETag was "a", and is "b"'),
        (version(etag='W/"a"'), version(etag='W/"b"'), "ETag"),
        (version(), version(size=8), "9 bytes, and has 8"),
        (version(etag=None), version(size=8, etag=None), "9 bytes, and has 8"),
        (version(etag=None, last_modified="Mon"), version(last_modified="Tue"), "Last-Modified"),
        (version(size=None), version(size=None, etag='"b"'), "ETag"),
    ],
)
def test_an_answer_of_another_version_says_what_differs(
    first: Version, later: Version, difference: str
) -> None:
    with pytest.raises(NoSourceError, match=f"x was replaced while it was read .*{difference}"):
        first.check(later, "x")


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (version(), version(etag='W/"a"')),
        # Servers of one file may differ in its time; the ETag counts.
        (version(last_modified="Mon"), version(last_modified="Tue")),
        (version(etag=None), version()),
        (version(size=None), version()),
        (version(), version(size=None)),
    ],
)
def test_an_answer_of_the_same_version_is_none_of_another(first: Version, later: Version) -> None:
    first.check(later, "x")


@pytest.mark.parametrize(
    ("first", "missing"),
    [
        (version(), "ETag"),
        (version(etag=None, last_modified="Mon"), "Last-Modified"),
    ],
)
def test_an_answer_that_does_not_say_its_version_is_requested_again(
    first: Version, missing: str
) -> None:
    with pytest.raises(StorageUnavailableError, match=f"it has no {missing}"):
        first.check(version(etag=None), "x")


@pytest.mark.parametrize("content_range", ["bytes 4-7/9", "bytes 4-4/9"])
def test_the_requested_range_is_accepted_and_its_beginning(content_range: str) -> None:
    """A server may send less (RFC 9110, section 15.3.7): the rest is requested then."""
    check_range(content_range, 4, 8, "x")


@pytest.mark.parametrize(
    "content_range",
    [
        *(None, "", "bytes", "bytes 4-7", "bytes 4-7/*", "bytes */9", "items 4-7/9"),
        *("bytes 3-7/9", "bytes 0-3/9", "bytes 5-7/9", "bytes 4-8/9", "bytes 4-3/9"),
        f"bytes 4-7/{'9' * 5000}",
    ],
)
def test_another_range_is_requested_again(content_range: str | None) -> None:
    with pytest.raises(StorageUnavailableError, match="bytes 4-7 were requested"):
        check_range(content_range, 4, 8, "x")


def test_a_size_is_read_or_unknown() -> None:
    assert read_total("bytes 0-0/9") == read_total("bytes */9") == read_size("9") == 9
    unknown = [None, "", "*", "-1", "²", "1_0", "9" * 5000]
    assert [read_size(text) for text in unknown] == [None] * len(unknown)
    assert read_total("bytes 0-0/*") is None
