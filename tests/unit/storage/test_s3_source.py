"""An object as a source: every answer is compared with the first."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from urllib3 import HTTPResponse

from worker.config.location import S3Location
from worker.errors import NoSourceError, StorageUnavailableError
from worker.storage.s3_source import S3Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOCATION = S3Location(bucket="bucket", key="out")
OBJECT = {"Bucket": "bucket", "Key": "out"}

Answer: TypeAlias = dict[str, Any]


def part(body: bytes, *, start: int = 0, total: int = 9, etag: str | None = '"1"') -> Answer:
    """An answer with a range of an object."""
    raw = HTTPResponse(body=io.BytesIO(body), preload_content=False)
    return {
        "Body": StreamingBody(raw, len(body)),  # type: ignore[arg-type] # urllib3's, as in botocore
        "ContentLength": len(body),
        "ContentRange": f"bytes {start}-{start + len(body) - 1}/{total}",
        **({"ETag": etag} if etag else {}),
    }


def test_a_source_is_named_by_its_etag_and_size(client: S3Client, answers: Stubber) -> None:
    answers.add_response("get_object", part(b"1"), {**OBJECT, "Range": "bytes=0-0"})
    answers.add_response("get_object", part(b"345", start=2), {**OBJECT, "Range": "bytes=2-4"})
    source = S3Source(client, LOCATION)
    assert source.identity == "s3 bucket out 1 9"
    assert (source.size_bytes, source.takes_ranges) == (9, True)
    assert b"".join(source.read(2, 5)) == b"345"


def test_an_empty_source_has_no_first_byte(client: S3Client, answers: Stubber) -> None:
    answers.add_client_error("get_object", "InvalidRange", http_status_code=416)
    whole = part(b"")
    del whole["ContentRange"]
    answers.add_response("get_object", whole, OBJECT)
    source = S3Source(client, LOCATION)
    assert (source.size_bytes, source.takes_ranges) == (0, False)


@pytest.mark.parametrize(
    ("later", "error", "message"),
    [
        (part(b"34", start=2, etag='"2"'), NoSourceError, "was replaced .*ETag"),
        (part(b"34", start=2, total=8), NoSourceError, "was replaced .*9 bytes, and has 8"),
        (part(b"34", start=2, etag=None), StorageUnavailableError, "no ETag"),
        (part(b"01", start=0), StorageUnavailableError, "bytes 2-3 were requested"),
    ],
)
def test_each_answer_of_a_source_is_compared_with_the_first(
    client: S3Client, answers: Stubber, later: Answer, error: type[Exception], message: str
) -> None:
    answers.add_response("get_object", part(b"1"))
    answers.add_response("get_object", later)
    source = S3Source(client, LOCATION)
    with pytest.raises(error, match=message):
        next(source.read(2, 4))


def test_a_source_that_is_shorter_by_now_was_replaced(client: S3Client, answers: Stubber) -> None:
    answers.add_response("get_object", part(b"1"))
    answers.add_client_error("get_object", "InvalidRange", http_status_code=416)
    source = S3Source(client, LOCATION)
    with pytest.raises(NoSourceError, match=r"was replaced .*shorter: InvalidRange"):
        next(source.read(2, 4))
