"""Parameters that must fit together, where CloudFormation does not see it or fails late."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ops.errors import UsageError
from ops.names import PREFIX, queue_of

# A parameter of this, given anew, makes too small a disk an error; else it is a warning.
DISK_PARAMETERS = frozenset({"InstanceTypes", "DiskGiB", "JobVcpus", "LargestUploadGiB"})
# The system of an instance, and images.
_SYSTEM_GIB = 20
# Of a job beside its upload: segments that wait or are being written.
_WORK_GIB = 1
_VCPUS = {"medium": 2, "large": 2, "xlarge": 4}
_TIMES = re.compile(r"(?:metal-)?(\d+)xl(?:arge)?")
_GENERATION = re.compile(r"[a-z]+(\d+)")
# The largest size of a family; from the eighth generation on.
_FAMILY_VCPUS, _NEW_FAMILY_VCPUS, _NEW_GENERATION = 64, 192, 8


def vcpus_of(instance_type: str) -> int:
    """Return the vCPUs of a Graviton instance type, or of the largest one of a family, at most."""
    family, _, size = instance_type.strip().partition(".")
    if size in _VCPUS:
        return _VCPUS[size]
    if times := _TIMES.fullmatch(size):
        return 4 * int(times[1])
    generation = _GENERATION.match(family)
    is_new = generation is not None and int(generation[1]) >= _NEW_GENERATION
    return _NEW_FAMILY_VCPUS if is_new else _FAMILY_VCPUS


def least_disk_gib(parameters: Mapping[str, str]) -> int:
    """Return what an instance's disk must hold, in GiB.

    That is an upload and some work of each job that fits on the largest instance, and once more an
    upload: a recording whose timestamps must be repaired is written anew, and a volume is deleted
    a minute after its job.
    """
    largest = max(vcpus_of(name) for name in parameters["InstanceTypes"].split(","))
    jobs = max(1, largest // int(parameters["JobVcpus"]))
    upload_gib = math.ceil(float(parameters["LargestUploadGiB"]))
    return _SYSTEM_GIB + (jobs + 1) * (upload_gib + _WORK_GIB)


def small_disk(parameters: Mapping[str, str]) -> str | None:
    """Return what is wrong with `DiskGiB`; None where all jobs of an instance fit on it."""
    least = least_disk_gib(parameters)
    if float(parameters["DiskGiB"]) >= least:
        return None
    return (
        f"DiskGiB={parameters['DiskGiB']} is too small: with InstanceTypes"
        f" {parameters['InstanceTypes']}, JobVcpus={parameters['JobVcpus']} and"
        f" LargestUploadGiB={parameters['LargestUploadGiB']} an instance may need {least} GiB."
        f" Give DiskGiB={least} or more, smaller InstanceTypes, or a smaller LargestUploadGiB"
    )


def check_names(current: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse another `Prefix` for a stack that exists; `current`: its parameters.

    Raises:
        UsageError: all it has would be made anew, and the old queue's jobs be left behind.

    """
    prefix = current.get("Prefix", PREFIX)
    if current and wanted["Prefix"] != prefix:
        raise UsageError(
            f"Prefix={wanted['Prefix']}: this stack's is {prefix}, and every name begins with it."
            " A second system is a stack of its own: add --stack NAME"
        )


def fair_share(current: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    """Return the `FairShare` that a stack's queue forces; None where it is free.

    A stack without the parameter is older than it: its queue is first in, first out.

    Raises:
        UsageError: the other is given for the same queue, which Batch refuses.

    """
    if not current or queue_of({**current, **given}) != queue_of(current):
        return None
    kept = current.get("FairShare", "false")
    if given.get("FairShare", kept) == kept:
        return kept
    queue = queue_of(current)
    change = (
        f"the queue {queue} is first in, first out, and Batch gives no queue a scheduling policy"
        " later"
        if kept == "false"
        else f"the queue {queue} has a scheduling policy, which Batch takes from no queue"
    )
    raise UsageError(
        f"FairShare={given['FairShare']}: {change}. Make another queue: add --parameter"
        f" JobQueueName={queue}-2. The jobs of {queue} stay there and end (docs/deployment.md, Fair"
        " share)"
    )
