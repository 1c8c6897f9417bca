"""The clients of boto3 for all commands, and explanations of its errors."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 (botocore's own, of which time-outs and refusals are kinds)
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from ops.errors import (
    DeniedError,
    LaterError,
    MisconfiguredError,
    NotThereError,
    OpsError,
    UnexpectedError,
    UnreachableError,
    UsageError,
)
from worker.config.values import StoreKeys

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

_DENIED = re.compile(r"AccessDenied|Unauthorized|NotAuthorized|AuthorizationError|^403$|^Forbidden")
_EXPIRED = re.compile(r"Expired|UnrecognizedClient|InvalidClientTokenId|SignatureDoesNotMatch")
_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown")
_ACTION = re.compile(r"not authorized to perform:? (\S+)(?: on resource:? (\S+))?")
# Of Batch, under a code (ClientException) that it has for other refusals, too.
_MISSING = re.compile(
    r"job ?(queue|definition)( name)? \S+ (not found|does not exist)", re.IGNORECASE
)
_SERVER_ERROR = 500
# Of an answer that is not AWS's: enough to see whose it is.
_SHOWN_CHARS = 200


class Aws:
    """Clients of one account and region; each is made when it is first used."""

    def __init__(self, *, region: str, profile: str | None, endpoint_url: str | None) -> None:
        self.region = region
        self._endpoint_url = endpoint_url
        self._session = boto3.session.Session(region_name=region, profile_name=profile)

    def _options(self, endpoint_url: str | None = None, *, attempts: int = 6) -> dict[str, Any]:
        endpoint = endpoint_url or self._endpoint_url
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": attempts},
            # Stores and test servers behind an endpoint have no name for every bucket.
            s3={"addressing_style": "path" if endpoint else "auto"},
        )
        return {"endpoint_url": endpoint, "config": config}

    @cached_property
    def batch(self) -> BatchClient:
        """AWS Batch."""
        return self._session.client("batch", **self._options())

    @cached_property
    def batch_once(self) -> BatchClient:
        """AWS Batch, each call made once: a SubmitJob whose answer was lost may have succeeded."""
        return self._session.client("batch", **self._options(attempts=1))

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        return self._session.client("logs", **self._options())

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation."""
        return self._session.client("cloudformation", **self._options())

    @cached_property
    def iam(self) -> IAMClient:
        """IAM."""
        return self._session.client("iam", **self._options())

    @cached_property
    def ec2(self) -> EC2Client:
        """EC2."""
        return self._session.client("ec2", **self._options())

    @cached_property
    def ecr(self) -> ECRClient:
        """ECR."""
        return self._session.client("ecr", **self._options())

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        return self._session.client("events", **self._options())

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """CloudWatch."""
        return self._session.client("cloudwatch", **self._options())

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        return self._session.client("sqs", **self._options())

    @cached_property
    def sns(self) -> SNSClient:
        """SNS."""
        return self._session.client("sns", **self._options())

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler."""
        return self._session.client("scheduler", **self._options())

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Step Functions."""
        return self._session.client("stepfunctions", **self._options())

    @cached_property
    def lambdas(self) -> LambdaClient:
        """Lambda."""
        return self._session.client("lambda", **self._options())

    @cached_property
    def autoscaling(self) -> AutoScalingClient:
        """EC2 Auto Scaling."""
        return self._session.client("autoscaling", **self._options())

    def s3(
        self,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        keys: StoreKeys | None = None,
    ) -> S3Client:
        """S3, or the compatible store that a job uses, with its own keys where it has any."""
        return self._session.client(
            "s3",
            region_name=region or self.region,
            aws_access_key_id=keys.access_key_id if keys else None,
            aws_secret_access_key=keys.secret_access_key if keys else None,
            **self._options(endpoint),
        )


def code_of(error: ClientError) -> str:
    """Return AWS's own name of an error, such as `AccessDeniedException`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


# What a call of boto3 raises. A parser's error is not among botocore's own.
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)


def explain(error: BotoCoreError | ClientError | ResponseParserError) -> OpsError:
    """Return what an error of AWS or botocore means to an operator, and what to do next."""
    if isinstance(error, ClientError):
        return _explain_answer(error)
    if isinstance(error, (ParamValidationError, ResponseParserError)):
        return _explain_format(error)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return DeniedError(
            "no AWS credentials were found; sign in (aws sso login), name a profile with"
            " --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, ProfileNotFound):
        return MisconfiguredError(f"{error}; `aws configure list-profiles` names those there are")
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return UnreachableError(
            f"AWS does not answer: {error}; check the network, --region and --endpoint-url"
        )
    # Of a login that has run out, for example.
    return DeniedError(f"{error}; check the profile and sign in again")


def _explain_format(error: ParamValidationError | ResponseParserError) -> OpsError:
    if isinstance(error, ResponseParserError):
        what = " ".join(str(error).split())[:_SHOWN_CHARS]
        return UnreachableError(
            f"the answer is not one of AWS ({what}); check --endpoint-url and what is between, such"
            " as a proxy, then try again"
        )
    return UsageError(f"AWS takes no such value: {' '.join(str(error).split())}")


def _explain_answer(error: ClientError) -> OpsError:
    code, call = code_of(error), error.operation_name
    message = str(error.response.get("Error", {}).get("Message", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if _EXPIRED.search(code):
        return DeniedError(f"the credentials are not valid (any more): {code}; sign in again")
    if _DENIED.search(code):
        action = _ACTION.search(message)
        missing = action.group(1) if action else f"the one for {call}"
        where = f" on {action.group(2)}" if action and action.group(2) else ""
        return DeniedError(
            f"permission {missing}{where} is missing; ask for it (docs/deployment.md lists what"
            f" each command needs), or use another --profile. Message of AWS: {message or code}"
        )
    if _THROTTLED.search(code):
        return LaterError(f"AWS throttles {call} ({code}); wait a minute and try again")
    if missing := _MISSING.search(message):
        return NotThereError(f"{call}: {missing[0]}; check the name and --region")
    if status >= _SERVER_ERROR:
        return UnreachableError(f"{call} failed in AWS ({code}: {message}); try again")
    return UnexpectedError(f"{call} was refused: {code}: {message}")


def is_throttled(error: ClientError) -> bool:
    """Whether AWS refused a call only because there were too many: it did nothing."""
    return bool(_THROTTLED.search(code_of(error)))
