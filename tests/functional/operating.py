"""A moto server as the operator commands' AWS, and the commands as processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import names
from tests.functional.conftest import ACCESS_KEY, ROOT, SECRET_KEY, Server, free_port, serving
from tests.unit.ops.template import read_template

IMAGE = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/academy-video-worker@sha256:"
FIRST, SECOND = IMAGE + "a" * 64, IMAGE + "b" * 64
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LOCATIONS = ("s3://uploads/talk.mp4", "s3://videos/hls/talk")
# Of a worker that never ran, no last line is waited for.
NO_LAST_LINES = "import ops.batch.follow; ops.batch.follow._LAST_LINES_S = 0"


@contextlib.contextmanager
def moto_server(**environment: str) -> Iterator[Server]:
    """A moto server of its own."""
    port = free_port()
    command = [
        *("env", *(f"{name}={value}" for name, value in environment.items())),
        *(str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)),
    ]
    with serving("moto", command, port) as server:
        yield server


@contextlib.contextmanager
def batch_server(*, jobs_fail: bool = False) -> Iterator[Server]:
    """A moto server whose jobs end at once, unrun."""
    fail = {"MOTO_SIMPLE_BATCH_FAIL_AFTER": "0"} if jobs_fail else {}
    with moto_server(**fail) as server:
        config = json.dumps({"batch": {"use_docker": False}}).encode()
        request = urllib.request.Request(  # noqa: S310 (of the server above)
            f"{server.endpoint}/moto-api/config", data=config, method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 (as above)
        yield server


def ops(
    server: Server, *words: str, before: str = "", timeout_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run an operator command; `before` is code to run in its process first."""
    program = f"{before}\nimport sys\nfrom ops.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    start = ["-c", program] if before else ["-m", "ops"]
    return subprocess.run(
        [sys.executable, *start, *words, "--endpoint-url", server.endpoint],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Narrower than a row of a table, which must be complete in a pipe.
            "COLUMNS": "80",
        },
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@dataclass(frozen=True)
class Account:
    """What a first deployment must be given."""

    subnet: str
    security_group: str

    def parameters(self) -> list[str]:
        """All of the template's: moto takes a default for a change when it updates a stack."""
        defaults = {n: p.get("Default", "") for n, p in read_template()["Parameters"].items()}
        values = {
            **defaults,
            "SourceBucket": "uploads",
            "DestinationBucket": "videos",
            "SubnetIds": self.subnet,
            "SecurityGroupIds": self.security_group,
            "InstanceTypes": "c6g.large,c7g.xlarge",
        }
        del values["ImageUri"]
        return [word for name, value in values.items() for word in _parameter(name, str(value))]


def _parameter(name: str, value: str) -> tuple[str, str]:
    return "--parameter", f"{name}={value}"


def prepare_account(server: Server) -> Account:
    """Make what an account has before the first deployment."""
    # moto would name the role that CreateServiceLinkedRole makes otherwise than AWS does.
    server.client("iam").create_role(
        RoleName=names.SERVICE_ROLE,
        Path=f"/aws-service-role/{names.BATCH_SERVICE}/",
        AssumeRolePolicyDocument="{}",
    )
    ec2 = server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="batch", Description="batch", VpcId=vpc)
    for bucket in ("uploads", "videos"):
        server.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
        )
    return Account(subnet=subnet, security_group=group["GroupId"])


def make_what_moto_left_out(server: Server) -> None:
    """Make the template's resources that moto's CloudFormation passes over, from the template.

    Those are metric filters and alarms; and it loses a job definition's timeout and a repository's
    scan on push.
    """
    template = read_template()
    values = {n: p.get("Default") for n, p in template["Parameters"].items()}
    topics = server.client("sns").list_topics()["Topics"]
    values |= {
        "LogGroup": names.LOG_GROUP,
        "AlertTopic": topics[0]["TopicArn"],
        "FailedJobRule": names.FAILED_RULE,
        "QueueBlockedRule": names.BLOCKED_RULE,
    }
    for resource in template["Resources"].values():
        if "Condition" in resource:
            continue
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            properties = _filled(resource["Properties"], values)
            server.client("cloudwatch").put_metric_alarm(**properties)
        elif resource["Type"] == "AWS::Logs::MetricFilter":
            properties = _filled(resource["Properties"], values)
            transformation = properties["MetricTransformations"][0]
            server.client("logs").put_metric_filter(
                logGroupName=properties["LogGroupName"],
                filterName=properties["FilterName"],
                filterPattern=properties["FilterPattern"],
                metricTransformations=[
                    {k[0].lower() + k[1:]: v for k, v in transformation.items()}
                ],
            )
    scan = template["Resources"]["Repository"]["Properties"]["ImageScanningConfiguration"]
    server.client("ecr").put_image_scanning_configuration(
        repositoryName=names.REPOSITORY,
        imageScanningConfiguration={"scanOnPush": scan["ScanOnPush"]},
    )
    timeout = template["Resources"]["JobDefinition"]["Properties"]["Timeout"]
    revise_definition(server, timeout={"attemptDurationSeconds": _only(_filled(timeout, values))})


def push_images(server: Server) -> None:
    """Put the images into the repository that a deployment made."""
    for image in (FIRST, SECOND):
        digest = image.partition("@")[2]
        manifest = {"schemaVersion": 2, "config": {"digest": digest}, "mediaType": MANIFEST}
        server.client("ecr").put_image(
            repositoryName=names.REPOSITORY,
            imageManifest=json.dumps(manifest),
            imageTag=digest[-12:],
            imageDigest=digest,
        )


def revise_definition(server: Server, image: str | None = None, **changes: object) -> None:
    """Register a revision of the job definition that differs in this."""
    batch = server.client("batch")
    active = batch.describe_job_definitions(
        jobDefinitionName=names.JOB_DEFINITION, status="ACTIVE"
    )["jobDefinitions"]
    newest = max(active, key=lambda d: d["revision"])
    container = {**newest["containerProperties"]}
    # moto keeps the numbers that the template has, where Batch has text.
    container["resourceRequirements"] = [
        {"type": n["type"], "value": str(n["value"])} for n in container["resourceRequirements"]
    ]
    if image:
        container["image"] = image
    fields = ("parameters", "retryStrategy", "timeout")
    kept = {f: newest[f] for f in fields if f in newest}
    batch.register_job_definition(
        jobDefinitionName=names.JOB_DEFINITION,
        type="container",
        containerProperties=container,
        **{**kept, **changes},
    )


def _filled(value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 (part of a template)
    if isinstance(value, dict):
        if "Ref" in value:
            return values[value["Ref"]]
        if "Fn::Sub" in value and isinstance(value["Fn::Sub"], str):
            text = value["Fn::Sub"]
            for name, filling in values.items():
                text = text.replace(f"${{{name}}}", str(filling))
            return text
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value


def _only(value: Mapping[str, Any]) -> Any:  # noqa: ANN401 (part of a template)
    (only,) = value.values()
    return only
