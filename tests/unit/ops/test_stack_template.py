"""What scripts/aws/template.yaml says beside what scripts/verify compares."""

from __future__ import annotations

import email
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ops import names
from ops.batch.request import name_for
from tests.unit.ops.template import read_template
from worker.config.option import variable_name
from worker.config.sources import split_sources

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE: dict[str, Any] = dict(read_template())
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
PARAMETERS = {name: str(p.get("Default", "")) for name, p in TEMPLATE["Parameters"].items()}


def filled(value: object, values: Mapping[str, str] = PARAMETERS) -> str:
    """A `Ref`, a text or an `Fn::Sub` with values for its names."""
    if isinstance(value, dict) and "Ref" in value:
        return values[value["Ref"]]
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    more: dict[str, Any] = {}
    if isinstance(text, list):
        text, more = text
    return re.sub(
        r"\$\{([\w:.]+)\}", lambda m: str(more.get(m[1], values.get(m[1], m[1]))), str(text)
    )


def user_data() -> dict[str, str]:
    """The parts of the instances' user data, by their types."""
    data = RESOURCES["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    message = email.message_from_string(data["Fn::Base64"])
    assert message.is_multipart()
    assert message.defects == []
    parts = [part for part in message.walk() if not part.is_multipart()]
    return {part.get_content_type(): str(part.get_payload()) for part in parts}


def test_the_names_of_the_running_system_are_the_defaults() -> None:
    definition = RESOURCES["JobDefinition"]["Properties"]["JobDefinitionName"]
    assert filled(definition) == names.JOB_DEFINITION == names.definition_of({})
    assert filled(RESOURCES["LogGroup"]["Properties"]["LogGroupName"]) == names.LOG_GROUP
    assert filled(RESOURCES["Repository"]["Properties"]["RepositoryName"]) == names.REPOSITORY
    queue = RESOURCES["JobQueue"]["Properties"]["JobQueueName"]["Fn::If"][2]
    assert filled(queue) == names.QUEUE == names.queue_of(PARAMETERS)
    environment = RESOURCES["ComputeEnvironment"]["Properties"]["ComputeEnvironmentName"]
    assert filled(environment["Fn::If"][2]) == "academy-video-batch-ce-v3"
    for name, expected in {
        "FailedJobRule": names.FAILED_RULE,
        "QueueBlockedRule": names.BLOCKED_RULE,
        "EventsRule": names.EVENTS,
    }.items():
        assert filled(RESOURCES[name]["Properties"]["Name"]) == expected


def test_no_name_of_a_second_stack_is_one_of_the_first() -> None:
    """Each name begins with the prefix, or is given by CloudFormation."""
    for logical, resource in RESOURCES.items():
        for key, value in resource.get("Properties", {}).items():
            if not key.endswith("Name") or key in {"LogGroupName", "FilterName", "MetricName"}:
                continue
            assert "Prefix" in str(value), f"{logical}: {key}"
    assert "${Prefix}" in str(RESOURCES["LogGroup"]["Properties"]["LogGroupName"])


def test_the_workers_user_is_the_one_that_reaches_no_metadata() -> None:
    user = re.search(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    rule = user_data()["text/cloud-boothook"]
    assert f"--uid-owner {user[1]} " in rule
    assert "--destination 169.254.169.254" in rule
    assert "169.254.170" not in "\n".join(
        line for line in rule.splitlines() if not line.startswith("#")
    )


def test_user_data_are_scripts(tmp_path: Path) -> None:
    parts = user_data()
    assert set(parts) == {"text/cloud-boothook", "text/x-shellscript"}
    for script in parts.values():
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run(["sh", "-n", str(file)], check=True)
    assert "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=1m" in parts["text/x-shellscript"]


def test_a_job_of_the_definition_may_go_to_a_queue_with_shares() -> None:
    """Batch wants a priority of the definition, where the submission gives none."""
    assert 0 <= RESOURCES["JobDefinition"]["Properties"]["SchedulingPriority"] <= 9999
    shares = RESOURCES["SchedulingPolicy"]["Properties"]["FairsharePolicy"]["ShareDistribution"]
    assert [share["ShareIdentifier"] for share in shares] == [names.DEFAULT_SHARE]


def test_an_old_queue_keeps_its_jobs_when_another_is_made() -> None:
    assert RESOURCES["JobQueue"]["UpdateReplacePolicy"] == "Retain"


def test_the_spot_environment_differs_from_the_other_in_that_alone() -> None:
    other = json.loads(json.dumps(RESOURCES["ComputeEnvironment"]["Properties"]))
    spot = json.loads(json.dumps(RESOURCES["SpotComputeEnvironment"]["Properties"]))
    for properties in (other, spot):
        del properties["ComputeEnvironmentName"]
        del properties["ComputeResources"]["Type"]
        del properties["ComputeResources"]["AllocationStrategy"]
    assert spot == other
    order = RESOURCES["JobQueue"]["Properties"]["ComputeEnvironmentOrder"]["Fn::If"][1]
    assert [each["ComputeEnvironment"]["Ref"] for each in order] == [
        "SpotComputeEnvironment",
        "ComputeEnvironment",
    ]


def test_the_dashboard_is_one() -> None:
    widgets = json.loads(filled(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]))["widgets"]
    titles = [widget["properties"]["title"] for widget in widgets]
    assert len(set(titles)) == len(titles) == 9
    taken = [
        (x, y)
        for w in widgets
        for x in range(w["x"], w["x"] + w["width"])
        for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(set(taken)) == len(taken), "two of them overlap"
    assert max(x for x, _ in taken) < 24


WATCHED = {
    **PARAMETERS,
    "SourceBucket": "uploads",
    "SourcePrefix": "raw/",
    "DestinationBucket": "videos",
    "DestinationPrefix": "hls/",
    "JobQueue": "arn:queue",
}


def watch(
    key: str, given: Mapping[str, str] | None = None, *, shares: bool = True
) -> dict[str, Any]:
    """What the state machine makes of an upload, with these parameters."""
    values = {**WATCHED, **(given or {})}
    machine = RESOURCES["WatchMachine"]["Properties"]["Definition"]
    output = json.loads(json.dumps(machine["States"]["Read"]["Output"]))
    text, more = output["Fn::Sub"]
    more["Share"] = more["Share"]["Fn::If"][1 if shares else 2]
    expression = filled({"Fn::Sub": [text, more]}, values).strip()
    assert expression.startswith("{%")
    assert expression.endswith("%}")
    detail = {"bucket": {"name": values["SourceBucket"]}, "object": {"key": key}}
    jsonata = import_module("jsonata").Jsonata(expression[2:-2])
    # Of Step Functions: JSONata itself has none.
    jsonata.register_lambda("hash", lambda text, _: hashlib.sha256(text.encode()).hexdigest())
    jsonata.assign("states", {"input": {"detail": detail}})
    made = jsonata.evaluate(None)
    return {"isVideo": made["isVideo"], **made["job"]}


@pytest.mark.parametrize(
    ("key", "destination", "share"),
    [
        ("raw/a42/talk.mp4", "hls/a42/talk", "a42"),
        ("raw/talk.MOV", "hls/talk", "default"),
        ("raw/학원-7/2026.봄/강의 $1 (최종).mp4", "hls/학원-7/2026.봄/강의 $1 (최종)", "7"),
        ("raw/한글/강의.webm", "hls/한글/강의", "default"),
    ],
)
def test_an_upload_becomes_a_job(key: str, destination: str, share: str) -> None:
    assert watch(key) == {
        "isVideo": True,
        "ShareIdentifier": share,
        "JobName": name_for(f"s3://videos/{destination}"),
        "JobQueue": "arn:queue",
        "JobDefinition": names.JOB_DEFINITION,
        "ContainerOverrides": {
            "Environment": []
            if share == names.DEFAULT_SHARE
            else [{"Name": variable_name("academy"), "Value": share}]
        },
        "Parameters": {
            "source": f"s3://uploads/{key}",
            "destination": f"s3://videos/{destination}",
        },
    }


@pytest.mark.parametrize(
    "key", ['raw/x\n["s3://uploads/raw/b42/exam.mp4"].mp4', 'raw/["s3://uploads/a.mp4", "b.mp4']
)
def test_a_watched_upload_is_one_source_whatever_its_key(key: str) -> None:
    """Or another academy's upload could be joined to one's own."""
    source = watch(key)["Parameters"]["source"]
    assert split_sources(source) == [f"s3://uploads/{key}"]


@pytest.mark.parametrize(
    ("rule", "key", "destination"),
    [
        ("lectures/{path}/v1", "raw/a/b/talk.mp4", "hls/lectures/a/b/talk/v1"),
        ("{folder}/{name}", "raw/a/b/talk.mp4", "hls/a/b/talk"),
        ("{folder}/{name}", "raw/talk.mp4", "hls/talk"),
        ("{name}", "raw/a/b/talk.mp4", "hls/talk"),
    ],
)
def test_its_destination_is_made_by_the_parameter(rule: str, key: str, destination: str) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"]["WatchDestination"]["AllowedPattern"], rule)
    made = watch(key, {"WatchDestination": rule})
    assert made["Parameters"]["destination"] == f"s3://videos/{destination}"


def test_its_name_is_cut_as_submit_cuts_it() -> None:
    long = "x" * 300
    assert watch(f"raw/{long}.mp4")["JobName"] == name_for(f"s3://videos/hls/{long}")


@pytest.mark.parametrize("key", ["raw/talk.srt", "raw/talk", "raw/mp4", "raw/a.mp4.part"])
def test_what_is_no_video_becomes_none(key: str) -> None:
    assert not watch(key)["isVideo"]


def test_what_was_published_into_the_same_bucket_becomes_none() -> None:
    """It would be published for ever: segments end in .ts."""
    same = {"SourceBucket": "videos", "SourcePrefix": ""}
    assert not watch("hls/talk/720p/0.ts", same)["isVideo"]
    assert watch("raw/talk.ts", same)["isVideo"]
    assert not watch("raw/talk.ts", {**same, "DestinationPrefix": ""})["isVideo"]


def test_a_queue_without_shares_gets_none() -> None:
    assert "ShareIdentifier" not in watch("raw/a42/talk.mp4", shares=False)
