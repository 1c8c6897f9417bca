"""A moto server as the operator commands' AWS, and the commands as processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops import names
from tests.functional.conftest import ACCESS_KEY, ROOT, SECRET_KEY, Server, free_port, serving
from tests.unit.ops.template import read_template

IMAGE = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/academy-video-worker@sha256:"
FIRST, SECOND = IMAGE + "a" * 64, IMAGE + "b" * 64
LOCATIONS = ("s3://uploads/talk.mp4", "s3://videos/hls/talk")
# What moto refuses is left out of the template: a dashboard that names alarms, of which it knows
# none; and what has a condition that is false, where an update resolves it all the same.
# `tests/functional/deployed_stack.py` makes them.
FOR_MOTO = """
import json
import yaml
import ops.commands.deploy as deploy
from ops.verify.template import _Loader
def body(original=deploy.template_body):
    template = yaml.load(original(), _Loader)
    off = {"DeletesRuns", "DeletesUploads", "HasEvents", "HasKeeper", "HasWatch"}
    for section in ("Resources", "Outputs"):
        found = template[section]
        found.pop("Dashboard")
        template[section] = {n: e for n, e in found.items() if e.get("Condition") not in off}
    return json.dumps(template)
deploy.template_body = body
"""
# Of a worker that never ran, no last line is waited for.
NO_LAST_LINES = "import ops.batch.follow; ops.batch.follow._LAST_LINES_S = 0"


@contextlib.contextmanager
def moto_server(**environment: str) -> Iterator[Server]:
    """A moto server of its own, with the policies that AWS manages."""
    port = free_port()
    environment = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", **environment}
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
    if words[0] == "deploy":
        before = f"{FOR_MOTO}\n{before}"
    program = f"{before}\nimport sys\nfrom ops.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    start = ["-c", program] if before else ["-m", "ops"]
    return subprocess.run(
        [sys.executable, *start, *words, "--endpoint-url", server.endpoint],
        cwd=ROOT,
        env=ops_environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def ops_environment() -> dict[str, str]:
    """The environment of an operator command."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Narrower than a row of a table, which must be complete in a pipe.
        "COLUMNS": "80",
    }


@dataclass(frozen=True)
class Account:
    """What a first deployment must be given."""

    subnet: str
    security_group: str

    def values(self) -> dict[str, str]:
        return {
            "SourceBucket": "uploads",
            "DestinationBucket": "videos",
            "SubnetIds": self.subnet,
            "SecurityGroupIds": self.security_group,
            # moto does not split the default of a list parameter.
            "InstanceTypes": "c6g.large,c7g.large",
        }

    def parameters(self, **more: str) -> list[str]:
        """All that have a default, too: moto takes it for a change when it updates a stack."""
        known = read_template()["Parameters"]
        defaults = {n: str(p["Default"]) for n, p in known.items() if "Default" in p}
        values = {**defaults, **self.values(), **more}
        return [word for name, value in values.items() for word in _parameter(name, value)]


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


def revise_definition(server: Server, image: str | None = None, **changes: object) -> str:
    """Register a revision of the job definition that differs in this, and return its ARN."""
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
    container |= changes.pop("container", {})  # type: ignore[call-overload]
    fields = ("parameters", "platformCapabilities", "retryStrategy", "timeout")
    kept = {f: newest[f] for f in fields if newest.get(f)}
    made = batch.register_job_definition(
        jobDefinitionName=names.JOB_DEFINITION,
        type="container",
        containerProperties=container,
        **{**kept, **changes},
    )
    return str(made["jobDefinitionArn"])


def push_image(server: Server, image: str = FIRST) -> None:
    """Push something of an image's digest."""
    digest = image.rpartition("@")[2]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"size": 1},
        "layers": [{"digest": digest, "size": 1}],
    }
    server.client("ecr").put_image(
        repositoryName=names.REPOSITORY,
        imageManifest=json.dumps(manifest),
        imageTag=f"pushed-{digest[-1]}",
        imageDigest=digest,
    )


@contextlib.contextmanager
def failing_system() -> Iterator[Server]:
    """A deployed system whose jobs fail."""
    with batch_server(jobs_fail=True) as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        yield server
