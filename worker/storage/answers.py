"""What S3's and an https server's answers with bytes of a source have in common.

A source is read by many requests, and may be replaced in between. Conditional requests (If-Match)
would not be enough: not every server honors them, and not every one sends an ETag. So each answer
is compared with the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from urllib3 import BaseHTTPResponse

from worker.errors import NoSourceError, StorageUnavailableError
from worker.storage.base import was_replaced

_READ_BYTES = 1 << 16
# RFC 9110, section 14.4. No file has more digits, and int() does not take any number of them.
_SIZE = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(rf"bytes ({_SIZE.pattern})-({_SIZE.pattern})/({_SIZE.pattern})")
# Of a header in a message.
_SHOWN = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """What an answer says of the file that it is of; None: it does not say."""

    size_bytes: int | None
    etag: str | None
    last_modified: str | None

    def check(self, later: Version, what: object) -> None:
        """Compare a later answer with this first one.

        Raises:
            NoSourceError: it is of another file.
            StorageUnavailableError: it does not say of which, as the first one did.

        """
        sizes = self.size_bytes, later.size_bytes
        if None not in sizes and len(set(sizes)) > 1:
            raise NoSourceError(was_replaced(what, f"it had {sizes[0]} bytes, and has {sizes[1]}"))
        name, first, found = "ETag", _opaque(self.etag), _opaque(later.etag)
        if not first:
            name, first, found = "Last-Modified", self.last_modified, later.last_modified
        if not first or first == found:
            return
        if not found:
            raise faulty(what, f"it has no {name}")
        why = f"its {name} was {first[:_SHOWN]}, and is {found[:_SHOWN]}"
        raise NoSourceError(was_replaced(what, why))


def _opaque(etag: str | None) -> str | None:
    """Leave out that an ETag is weak: a proxy on the way makes it so (RFC 9110, 8.8.3.2)."""
    return etag.removeprefix("W/") if etag else None


def read_size(number: str | None) -> int | None:
    """Read a size in a header; None: it is missing or no number."""
    return int(number) if number and _SIZE.fullmatch(number) else None


def read_total(content_range: str | None) -> int | None:
    """Read the whole file's size from a Content-Range; None: it is missing or unknown (`*`)."""
    return read_size((content_range or "").rpartition("/")[2])


def check_range(content_range: str | None, start: int, end: int, what: object) -> None:
    """Make sure that an answer begins where [start, end) does; it may end before that does.

    Raises:
        StorageUnavailableError: it is of other bytes, or does not say of which.

    """
    match = _CONTENT_RANGE.fullmatch(content_range or "")
    if not match or int(match[1]) != start or not start <= int(match[2]) < end:
        found = f"Content-Range: {content_range[:_SHOWN]}" if content_range else "no Content-Range"
        raise faulty(what, f"bytes {start}-{end - 1} were requested, and it has {found}")


def faulty(what: object, why: str) -> StorageUnavailableError:
    """Make the error of an answer that may come from between here and the source."""
    return StorageUnavailableError(
        f"cannot read {what}: an answer is not usable: {why}; submit the job again, and check the"
        " server if it fails again"
    )


def stream(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body as it comes.

    urllib3's own `stream` returns only what is full, so whoever measures the speed of a slow server
    would wait for hours between two chunks.
    """
    while data := answer.read1(_READ_BYTES, decode_content=False):
        yield data
