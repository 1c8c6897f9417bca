"""CloudWatch that cannot be opened is a warning, whatever keeps it from that."""

from __future__ import annotations

import time

import boto3
import pytest
from botocore.exceptions import CredentialRetrievalError

from worker.monitoring import cloudwatch
from worker.monitoring.cloudwatch import CloudWatchUnavailableError, open_handler


def open_with(fault: Exception | float, monkeypatch: pytest.MonkeyPatch) -> str:
    """Open a handler whose client is not made: an error is raised, or so many seconds pass."""

    def make(*_: object, **__: object) -> None:
        if isinstance(fault, Exception):
            raise fault
        time.sleep(fault)

    monkeypatch.setattr(boto3.Session, "client", make)
    with pytest.raises(CloudWatchUnavailableError) as caught:
        open_handler(region="eu-west-1", group="/group", stream="job", check=lambda: None)
    return str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        CredentialRetrievalError(provider="container-role", error_msg="500"),
        RuntimeError("the refreshed credentials are still expired"),
        KeyError("AccessKeyId"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_provider_of_credentials_that_fails(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_with(error, monkeypatch).startswith("/group: ")


def test_a_provider_of_credentials_that_hangs_is_waited_for_some_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cloudwatch, "_OPEN_TIMEOUT_S", 0.2)
    started_s = time.monotonic()
    assert open_with(5.0, monkeypatch) == "/group: no answer for 0.2 s"
    assert time.monotonic() - started_s < 2
