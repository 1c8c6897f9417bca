"""What S3's answers and botocore's errors mean: asked again, or a refusal."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from structlog.testing import capture_logs

from worker.config.location import S3Location
from worker.errors import CannotWriteError, NoSourceError, StorageUnavailableError
from worker.layout import segment_file
from worker.storage.base import ListingDeniedError, PreconditionFailedError
from worker.storage.s3 import S3Store, make_client
from worker.storage.s3_source import S3Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOCATION = S3Location(bucket="bucket", key="out")
FILE = segment_file("status.json", b"{}")

PASSING = [
    ("OperationAborted", 409),
    ("ConditionalRequestConflict", 409),
    ("RequestTimeout", 400),
    ("ExpiredToken", 400),
    ("ExpiredTokenException", 400),
    ("RequestExpired", 400),
    ("TokenRefreshRequired", 400),
    ("KMS.ThrottlingException", 400),
    ("KMS.RequestLimitExceeded", 400),
    ("RequestLimitExceeded", 400),
    ("BandwidthLimitExceeded", 400),
    ("PriorRequestNotComplete", 400),
    ("Whatever", 429),
    ("Whatever", 500),
    ("SlowDown", 503),
]
REFUSED = [
    ("AccessDenied", 403),
    ("InvalidAccessKeyId", 403),
    ("KMS.DisabledException", 400),
    ("KMS.NotFoundException", 400),
    ("NoSuchBucket", 404),
    ("NotImplemented", 501),
]


@pytest.fixture
def store(client: S3Client) -> S3Store:
    return S3Store(client, LOCATION)


UNCHECKED = ("Bucket", "Key", "Body", "ContentMD5", "ContentType", "CacheControl")


def content(data: bytes, *, etag: str) -> dict[str, Any]:
    """An answer to a GET."""
    return {"Body": StreamingBody(BytesIO(data), len(data)), "ETag": f'"{etag}"'}


def failing(error: Exception) -> S3Client:
    """A client that cannot sign, as botocore raises it in the middle of a call."""
    made = boto3.client(
        "s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )

    def fail(**_: object) -> None:
        raise error

    made.meta.events.register("before-call.s3", fail)
    return made


@pytest.mark.parametrize(("code", "status"), PASSING)
def test_an_answer_that_passes_counts_as_none(
    store: S3Store, answers: Stubber, code: str, status: int
) -> None:
    """A conditional PUT is not changed by it either: nobody knows yet who writes."""
    for _ in range(2):
        answers.add_client_error("put_object", code, http_status_code=status)
    with pytest.raises(StorageUnavailableError, match=rf"out/status.json: .*{code}.*; submit"):
        store.put(FILE)
    with pytest.raises(StorageUnavailableError):
        store.replace(FILE, etag="1")


@pytest.mark.parametrize(("code", "status"), REFUSED)
def test_a_refusal_is_not_asked_again(
    store: S3Store, answers: Stubber, code: str, status: int
) -> None:
    answers.add_client_error("put_object", code, http_status_code=status)
    with pytest.raises(CannotWriteError, match=f"answers {code}"):
        store.put(FILE)


@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("NoSuchKey", 404)])
def test_a_failed_condition_is_a_change(
    store: S3Store, answers: Stubber, code: str, status: int
) -> None:
    answers.add_client_error("put_object", code, http_status_code=status)
    answers.add_response("get_object", content(b"{}", etag="2"))
    with pytest.raises(PreconditionFailedError):
        store.replace(FILE, etag="1")


def test_a_right_condition_that_is_refused_is_put_without_quotes(
    store: S3Store, answers: Stubber
) -> None:
    """As Ceph RGW 18.2 wants it; from then on at once."""
    answers.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    answers.add_response("get_object", content(b"{}", etag="1"))
    for etag in ("1", "2"):
        expected = {"IfMatch": etag} | dict.fromkeys(UNCHECKED, ANY)
        answers.add_response("put_object", {"ETag": '"2"'}, expected)
    store.replace(FILE, etag="1")
    store.replace(FILE, etag="2")


def test_a_right_condition_that_is_refused_in_every_form_is_left_out(
    store: S3Store, answers: Stubber
) -> None:
    """The lease's probe finds then that conditions are not honored."""
    for _ in range(2):
        answers.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        answers.add_response("get_object", content(b"{}", etag="1"))
    answers.add_response("put_object", {"ETag": '"2"'}, dict.fromkeys(UNCHECKED, ANY))
    assert store.replace(FILE, etag="1").etag == "2"
    expected = {"IfNoneMatch": "*"} | dict.fromkeys(UNCHECKED, ANY)
    answers.add_response("put_object", {"ETag": '"3"'}, expected)
    store.replace(FILE, etag=None)


def test_what_may_not_be_read_is_missing_for_a_job_that_writes(
    client: S3Client, answers: Stubber
) -> None:
    """S3 answers so for a missing object where s3:ListBucket is not granted."""
    answers.add_client_error("get_object", "AccessDenied", http_status_code=403)
    with capture_logs() as logs:
        assert S3Store(client, LOCATION, denied_is_missing=True).get("status.json") is None
    assert [entry["event"] for entry in logs] == ["read_denied"]
    answers.add_client_error("get_object", "AccessDenied", http_status_code=403)
    with pytest.raises(CannotWriteError, match="AccessDenied"):
        S3Store(client, LOCATION).get("status.json")
    answers.add_client_error("get_object", "SignatureDoesNotMatch", http_status_code=403)
    with pytest.raises(CannotWriteError, match="SignatureDoesNotMatch"):
        S3Store(client, LOCATION, denied_is_missing=True).get("status.json")


def test_a_denied_listing_is_an_error_of_its_own(store: S3Store, answers: Stubber) -> None:
    answers.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
    with pytest.raises(ListingDeniedError, match="s3:ListBucket"):
        store.list("run/")


def test_expired_credentials_say_what_to_do(store: S3Store, answers: Stubber) -> None:
    answers.add_client_error("put_object", "ExpiredToken", http_status_code=400)
    with pytest.raises(StorageUnavailableError, match="again with new credentials, or with a role"):
        store.put(FILE)


UNPROVIDED = [
    CredentialRetrievalError(provider="container-role", error_msg="500"),
    MetadataRetrievalError(error_msg="500"),
    RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
    KeyError("AccessKeyId"),
]


@pytest.mark.parametrize("error", UNPROVIDED, ids=lambda error: type(error).__name__)
def test_a_provider_of_credentials_that_fails_is_a_store_that_does_not_answer(
    error: Exception,
) -> None:
    with pytest.raises(StorageUnavailableError, match=r"credentials.*; submit the job again"):
        S3Store(failing(error), LOCATION).get("x")
    with pytest.raises(StorageUnavailableError):
        S3Source(failing(error), LOCATION)


@pytest.mark.parametrize("error", UNPROVIDED, ids=lambda error: type(error).__name__)
def test_a_provider_that_fails_when_the_client_is_made_is_one_too(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(boto3, "client", make)
    with pytest.raises(StorageUnavailableError, match="cannot open s3://bucket/out: "):
        make_client(LOCATION, endpoint=None, region="eu-west-1", keys=None, connections=1)


@pytest.mark.parametrize(
    "error", [NoCredentialsError(), PartialCredentialsError(provider="env", cred_var="x")]
)
def test_no_credentials_at_all_are_a_refusal(error: Exception) -> None:
    with pytest.raises(CannotWriteError, match="no credentials for S3 were found"):
        S3Store(failing(error), LOCATION).get("x")
    with pytest.raises(NoSourceError, match="no credentials for S3 were found"):
        S3Source(failing(error), LOCATION)


@pytest.mark.parametrize("error", [KeyError("other"), RuntimeError("other")])
def test_a_bug_stays_a_bug(error: Exception) -> None:
    with pytest.raises(type(error), match="other"):
        S3Store(failing(error), LOCATION).get("x")


def test_an_answer_without_etag_counts_as_none(
    store: S3Store, answers: Stubber, client: S3Client
) -> None:
    answers.add_response("put_object", {})
    answers.add_response("get_object", {"Body": Empty()})
    answers.add_response("get_object", {"Body": Empty()})
    with pytest.raises(StorageUnavailableError, match=r"cannot write .*has no ETag"):
        store.put(FILE)
    with pytest.raises(StorageUnavailableError, match=r"cannot read .*has no ETag"):
        store.get("x")
    with pytest.raises(StorageUnavailableError, match=r"cannot read .*has no ETag"):
        S3Source(client, LOCATION)


class Empty:
    """A body."""

    def read(self) -> bytes:
        return b""


@pytest.mark.parametrize(("code", "status"), PASSING)
def test_a_source_whose_store_gives_an_answer_that_passes_is_requested_again(
    client: S3Client, answers: Stubber, code: str, status: int
) -> None:
    """Expired credentials, too: it is opened by a request whose answer has a body with a code."""
    answers.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(StorageUnavailableError, match=f"cannot read .*{code}"):
        S3Source(client, LOCATION)


@pytest.mark.parametrize(("code", "status"), REFUSED)
def test_a_source_that_is_refused_says_why(
    client: S3Client, answers: Stubber, code: str, status: int
) -> None:
    answers.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(NoSourceError, match=f"answers {code}"):
        S3Source(client, LOCATION)


def test_an_item_of_a_listing_without_etag_has_an_empty_one(
    store: S3Store, answers: Stubber
) -> None:
    when = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    item = {"Key": "out/run/a.ts", "Size": 3, "LastModified": when}
    answers.add_response("list_objects_v2", {"Contents": [item], "IsTruncated": False})
    found = store.list("run/")
    assert (found["run/a.ts"].bytes, found["run/a.ts"].etag) == (3, "")
