"""What S3's answers and botocore's errors mean: refused, or worth another attempt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 (botocore's own, of which time-outs and refusals are kinds)
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from worker.errors import CannotWriteError, NoSourceError, StorageUnavailableError, WorkerError

# Too many requests, as botocore's standard retry mode names it, and S3 itself.
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
# A role's credentials are renewed while the job runs: the next attempt may be signed with others.
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_PASSING = _THROTTLED | {
    # The body was mangled or cut on its way.
    "BadDigest",
    "IncompleteBody",
    # Another write of the same object, or a change of the bucket, is under way. Neither says who
    # wins: AWS asks for another attempt.
    "ConditionalRequestConflict",
    "OperationAborted",
    "InternalError",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    # KMS, where it encrypts the objects.
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
}
# S3 passes on the answers of KMS with this before their codes.
_KMS = "KMS."
_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429
# The answer to a header that the store does not know, and will not know at another attempt.
NOT_IMPLEMENTED = 501
# urllib3's own errors are raised while an error's body is read.
BROKEN = (
    ConnectionError,
    HTTPClientError,
    HTTPError,
    IncompleteReadError,
    ResponseParserError,
)
# What an endpoint of container credentials answers with; botocore reads them without a check.
_CREDENTIAL_FIELDS = frozenset({"AccessKeyId", "SecretAccessKey", "Token", "Expiration"})
_STILL_EXPIRED = "credentials are still expired"
_REASON_LENGTH = 300


class RefusedError(CannotWriteError):
    """The store answered with an error that another attempt would not change."""

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class RefusedSourceError(NoSourceError):
    """The same, of reading a source."""

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class NoETagError(Exception):
    """An answer lacks the ETag; inside `errors_of` it counts as no answer."""


@contextlib.contextmanager
def errors_of(
    verb: str,
    what: str,
    *,
    refused: type[RefusedError | RefusedSourceError] = RefusedError,
) -> Iterator[None]:
    """Turn botocore's errors into the worker's: refusals as `refused`, silence as unavailable.

    Raises:
        StorageUnavailableError: another attempt may succeed.
        CannotWriteError: it would not; or `refused`.

    """
    try:
        yield
    except ClientError as error:
        raise _answered(error, f"cannot {verb} {what}", refused) from error
    except NoETagError as error:
        raise _unavailable(f"cannot {verb} {what}", "the store's answer has no ETag") from error
    except BROKEN as error:
        raise _unavailable(f"cannot {verb} {what}", type(error).__name__) from error
    except (BotoCoreError, KeyError, RuntimeError) as error:
        if known := _without_credentials(error, f"cannot {verb} {what}", refused):
            raise known from error
        if isinstance(error, BotoCoreError):
            raise refused(f"cannot {verb} {what}: {error}") from error
        raise


def _answered(
    error: ClientError, failed: str, refused: type[RefusedError | RefusedSourceError]
) -> WorkerError:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _EXPIRED:
        return _expired(failed, f"the store answers {code} (HTTP {status})")
    if _is_passing(code, status):
        return _unavailable(failed, f"{code} (HTTP {status})")
    return refused(
        f"{failed}: the store answers {code} (HTTP {status});"
        " check the name, the credentials and their permissions",
        code=code,
        status=status,
    )


def _is_passing(code: str, status: int) -> bool:
    if code.removeprefix(_KMS) in _PASSING or status == _TOO_MANY_REQUESTS:
        return True
    return status >= _SERVER_ERROR and status != NOT_IMPLEMENTED


def _without_credentials(
    error: Exception, failed: str, refused: type[RefusedError | RefusedSourceError]
) -> WorkerError | None:
    """Return what it means where there are no credentials to sign with; None: another error."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return refused(
            f"{failed}: no credentials for S3 were found; give the job a role,"
            " or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, CredentialRetrievalError | MetadataRetrievalError):
        return _not_provided(failed, str(error))
    field = str(error).strip("'")
    if isinstance(error, KeyError) and field in _CREDENTIAL_FIELDS:
        return _not_provided(failed, f"the endpoint answers without {field}")
    # botocore has no class for it.
    if isinstance(error, RuntimeError) and _STILL_EXPIRED in str(error):
        return _expired(failed, "the provider of the credentials gives expired ones")
    return None


def _unavailable(failed: str, why: str) -> StorageUnavailableError:
    return StorageUnavailableError(f"{failed}: {why}; submit the job again when the store answers")


def _expired(failed: str, why: str) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"{failed}: {why}; submit the job again with new credentials, or with a role, whose"
        " credentials are renewed"
    )


def _not_provided(failed: str, why: str) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"{failed}: no credentials for S3 could be fetched: {why[:_REASON_LENGTH]};"
        " submit the job again when their provider answers"
    )
