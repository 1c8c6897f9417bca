"""Errors of AWS and botocore, explained with what to do next."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from ops.aws import explain
from ops.errors import OpsError


def refused(code: str, message: str = "", status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "SubmitJob")  # type: ignore[arg-type] # less than a real answer has


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NoCredentialsError(), 77, "no AWS credentials"),
        (ProfileNotFound(profile="x"), 78, "list-profiles"),
        (EndpointConnectionError(endpoint_url="http://x"), 69, "--endpoint-url"),
        (refused("ExpiredTokenException"), 77, "sign in again"),
        (
            refused(
                "AccessDeniedException",
                "User: x is not authorized to perform: batch:SubmitJob on resource: arn:q because",
            ),
            77,
            "permission batch:SubmitJob on arn:q is missing",
        ),
        (refused("AccessDenied"), 77, "permission the one for SubmitJob is missing"),
        (refused("ThrottlingException"), 75, "try again"),
        (refused("InternalFailure", status=500), 69, "failed in AWS"),
        (refused("ClientException", "JobQueue x not found."), 66, "JobQueue x not found; check"),
        (
            refused("ClientException", "Job queue x does not exist"),
            66,
            "Job queue x does not exist",
        ),
        (
            refused("ClientException", "JobDefinition name x does not exist or is not in ACTIVE"),
            66,
            "JobDefinition name x does not exist; check",
        ),
        (refused("ClientException", "too many tags"), 70, "ClientException: too many tags"),
        (ParamValidationError(report="Invalid length"), 64, "no such value"),
        (
            ResponseParserError("invalid XML:\n<html>"),
            69,
            "(invalid XML: <html>); check --endpoint",
        ),
    ],
)
def test_an_error_says_what_it_means_and_what_to_do(
    error: ClientError, status: int, words: str
) -> None:
    explained = explain(error)
    assert explained.exit_status == status
    assert words in str(explained)


def test_statuses_are_unique_and_none_is_success() -> None:
    # A fault of a command is one of what is unexpected, with its status.
    kinds = OpsError.__subclasses__()
    statuses = {kind.exit_status for kind in kinds}
    assert len(statuses) == len(kinds)
    assert not statuses & {0, 1, 2, 130, 137}
