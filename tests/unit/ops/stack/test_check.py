"""Parameters that must fit together."""

from __future__ import annotations

import pytest

from ops.errors import UsageError
from ops.stack.check import check_names, fair_share, least_disk_gib, small_disk, vcpus_of
from tests.unit.ops.template import read_template

DEFAULTS = {
    name: str(parameter.get("Default", ""))
    for name, parameter in read_template()["Parameters"].items()
}


@pytest.mark.parametrize(
    ("name", "vcpus"),
    [
        ("c6g.large", 2),
        ("c6g.xlarge", 4),
        ("c7g.2xlarge", 8),
        ("c7gn.16xlarge", 64),
        ("c8g.metal-48xl", 192),
        ("c6g.metal", 64),
        ("c6g", 64),
        (" m8g", 192),
        ("t4g.medium", 2),
    ],
)
def test_an_instance_type_has_vcpus(name: str, vcpus: int) -> None:
    assert vcpus_of(name) == vcpus


def test_the_disk_holds_the_uploads_of_all_jobs_that_fit_on_the_largest_instance() -> None:
    given = {"InstanceTypes": "c6g.large,c7g.2xlarge", "JobVcpus": "2", "LargestUploadGiB": "10"}
    # Four jobs and one upload more, of 10 GiB and 1 GiB of work, and 20 GiB of the system.
    assert least_disk_gib(given) == 20 + 5 * 11
    assert least_disk_gib({**given, "JobVcpus": "16"}) == 20 + 2 * 11
    assert small_disk({**given, "DiskGiB": "75"}) is None
    assert "DiskGiB=75 or more" in str(small_disk({**given, "DiskGiB": "74"}))


def test_the_defaults_of_the_template_fit_together() -> None:
    assert small_disk(DEFAULTS) is None
    # What the first template had: a family, of which the largest has room for 32 jobs.
    assert small_disk({**DEFAULTS, "InstanceTypes": "c6g,c7g", "DiskGiB": "100"})


def test_a_prefix_is_for_a_new_stack() -> None:
    staging = {**DEFAULTS, "Prefix": "staging-video"}
    check_names({}, staging)
    check_names({"Prefix": "staging-video"}, staging)
    for current in ({"MaxVcpus": "64"}, {"Prefix": "academy-video"}):
        with pytest.raises(UsageError, match="add --stack NAME"):
            check_names(current, staging)


OLD = {"JobQueueName": "academy-video-batch-queue"}


@pytest.mark.parametrize(
    ("current", "given", "forced"),
    [
        ({}, {}, None),
        ({}, {"FairShare": "false"}, None),
        # Made before there was the parameter: first in, first out.
        (OLD, {}, "false"),
        (OLD, {"FairShare": "false"}, "false"),
        (OLD, {"JobQueueName": "new"}, None),
        (OLD, {"JobQueueName": "new", "FairShare": "true"}, None),
        ({**OLD, "FairShare": "true"}, {}, "true"),
        ({"FairShare": "true"}, {"JobQueueName": "academy-video-batch-queue"}, "true"),
    ],
)
def test_a_queue_keeps_its_kind(
    current: dict[str, str], given: dict[str, str], forced: str | None
) -> None:
    assert fair_share(current, given) == forced


@pytest.mark.parametrize(
    ("current", "given", "words"),
    [
        (OLD, {"FairShare": "true"}, "is first in, first out"),
        ({**OLD, "FairShare": "false"}, {"FairShare": "true"}, "is first in, first out"),
        ({"FairShare": "true"}, {"FairShare": "false"}, "has a scheduling policy"),
    ],
)
def test_a_queue_cannot_become_of_the_other_kind(
    current: dict[str, str], given: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        fair_share(current, given)
    assert "--parameter JobQueueName=academy-video-batch-queue-2" in str(caught.value)
