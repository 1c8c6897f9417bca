"""The keeper of scripts/aws/template.yaml: its command, its role, its times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ops.__main__ import build_parser
from ops.commands.keep import check_arguments
from ops.keeper.decide import ATTEMPTS, CLAIM_S, MAX_MEMORY_MIB
from tests.architecture import ROOT
from tests.unit.ops.template import read_template

TEMPLATE = read_template()
RESOURCES = TEMPLATE["Resources"]
# By the method of a store, in worker/storage/s3.py and ops/keeper/bucket.py.
_STORE_ACTIONS = {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"}


def word(value: object) -> str:
    """A word of the command, with the parameters' defaults."""
    if isinstance(value, dict):
        name = value.get("Ref")
        parameter = TEMPLATE["Parameters"].get(name, {})
        return str(parameter.get("Default", name)) if name else "s3://videos/hls/"
    return str(value)


def test_the_command_is_one_that_the_keeper_takes() -> None:
    container = RESOURCES["KeeperJobDefinition"]["Properties"]["ContainerProperties"]
    arguments = build_parser().parse_args([word(each) for each in container["Command"]])
    check_arguments(arguments)
    assert arguments.command == "keep"
    assert (arguments.attempts, arguments.max_memory) == (ATTEMPTS, MAX_MEMORY_MIB)
    assert (arguments.delete_runs_after, arguments.delete_uploads_after) == (0, 0)
    assert arguments.topic == "AlertTopic"


def test_a_claim_outlasts_the_keeper_that_made_it() -> None:
    timeout = RESOURCES["KeeperJobDefinition"]["Properties"]["Timeout"]
    limit = timedelta(seconds=timeout["AttemptDurationSeconds"])
    assert limit < timedelta(seconds=CLAIM_S)


def statements() -> Iterator[dict[str, Any]]:
    for policy in RESOURCES["KeeperRole"]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]
    for name in ("KeeperDeletesRuns", "KeeperDeletesUploads"):
        yield from RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"]


def test_the_role_grants_what_the_keeper_calls_and_nothing_else() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "ops" / "keeper").glob("*.py"))
    calls = set(re.findall(r"aws\.(batch|sns)(?:_once)?\.(?:get_paginator\(\")?(\w+)", code))
    called = {f"{service}:{name.title().replace('_', '')}" for service, name in calls}
    granted = {
        action
        for statement in statements()
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    # A submission with tags needs the permission to tag.
    assert granted == (called - {"batch:GetPaginator"}) | _STORE_ACTIONS | {"batch:TagResource"}
    assert len(called) == 5


def test_only_lists_and_descriptions_are_allowed_for_every_resource() -> None:
    broad = [s["Action"] for s in statements() if s["Resource"] == "*"]
    assert broad == [["batch:ListJobs", "batch:DescribeJobs", "batch:DescribeJobDefinitions"]]


@pytest.mark.parametrize("name", [n for n in RESOURCES if n.startswith("Keeper")])
def test_nothing_of_it_is_there_without_a_schedule(name: str) -> None:
    condition = RESOURCES[name]["Condition"]
    conditions = TEMPLATE["Conditions"]
    assert TEMPLATE["Parameters"]["KeeperSchedule"]["Default"] == ""
    assert (
        condition == "HasKeeper" or {"Condition": "HasKeeper"} in conditions[condition]["Fn::And"]
    )
