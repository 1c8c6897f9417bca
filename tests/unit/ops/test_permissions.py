"""What the code calls is what the policies of the template grant, and what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import COMMANDS
from tests.unit.ops.permissions import called_of, called_through_aws, granted, reachable, read
from tests.unit.ops.template import read_template

ROOT = Path(__file__).resolve().parents[3]
RESOURCES: dict[str, Any] = read_template()["Resources"]
# docker and podman call these of a registry.
PUSH = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
}


def called_by(command: str) -> set[str]:
    used = reachable(f"commands.{command}")
    return called_through_aws(used) | called_of("s3", used)


def role(name: str) -> set[str]:
    return granted(policy["PolicyDocument"] for policy in RESOURCES[name]["Properties"]["Policies"])


def test_the_jobs_role_may_do_what_the_worker_does_and_nothing_else() -> None:
    storage = read((ROOT / "worker" / "storage").glob("*.py"))
    # watchtower puts the events into the stream that the worker made.
    logs = called_of("logs", read([ROOT / "worker" / "monitoring" / "cloudwatch.py"]))
    assert role("JobRole") == called_of("s3", storage) | logs | {"logs:PutLogEvents"}


def test_the_policy_of_who_submits_grants_what_submit_calls_and_nothing_else() -> None:
    policy = granted([RESOURCES["SubmitPolicy"]["Properties"]["PolicyDocument"]])
    # SubmitJob with tags needs it; the rows of a list are tagged.
    assert policy == called_by("submit") | {"batch:TagResource"}


def test_the_pipelines_role_may_push_and_ask_what_push_image_asks() -> None:
    asked = called_of("ecr", read([ROOT / "scripts" / "ecr.py"]))
    assert role("PipelineRole") == PUSH | asked


def test_the_state_machine_of_uploads_may_do_what_it_does() -> None:
    states = RESOURCES["WatchMachine"]["Properties"]["Definition"]["States"]
    resources = [str(state["Resource"]) for state in states.values() if "Resource" in state]
    called = {re.findall(r"aws-sdk:(\w+):(\w)(\w+)", text)[0] for text in resources}
    submit = {f"{service}:{first.upper()}{rest}" for service, first, rest in called}
    assert role("WatchRole") == submit | {"states:StartExecution"}


@pytest.mark.parametrize("name", ["JobRole", "SubmitPolicy", "WatchRole"])
def test_only_what_knows_no_resource_is_granted_on_all(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    documents = [properties.get("PolicyDocument", {"Statement": []})]
    documents += [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    for statement in (each for document in documents for each in document["Statement"]):
        if statement["Resource"] == "*":
            assert all(re.match(r"\w+:(Describe|List)", action) for action in statement["Action"])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_names_each_permission_that_a_command_needs(command: str) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    table = page.partition("## Permissions")[2]
    # `scripts/jobs` needs the same as `scripts/submit`, as its row says.
    names = f"{command}|submit" if command == "jobs" else command
    rows = re.findall(rf"^\| `scripts/(?:{names})[ `].*$", table, re.MULTILINE)
    words = set(re.findall(r"\w+", " ".join(rows)))
    missing = {a for a in called_by(command) if a.partition(":")[2] not in words}
    assert missing == set()
