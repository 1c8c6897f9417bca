"""The scaling policy of the former group: read, kept in a file, and put back from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ops import names
from ops.aws import Aws
from ops.console import FOR_PEOPLE, Answer
from ops.errors import OK, NotThereError, UsageError

_TARGET_TRACKING = "TargetTrackingScaling"
_CONFIGURATION = "TargetTrackingConfiguration"
# Of Application Auto Scaling: for a group of EC2 the API has neither, and the group's own
# cooldown counts. A file of the former scripts may have them.
_NOT_OF_EC2 = ("ScaleOutCooldown", "ScaleInCooldown")


def find_policy(aws: Aws) -> dict[str, Any] | None:
    """Ask for the policy; None where it, or its group, does not exist."""
    try:
        policies = aws.autoscaling.describe_policies(
            AutoScalingGroupName=names.LEGACY_GROUP, PolicyNames=[names.LEGACY_POLICY]
        )["ScalingPolicies"]
    except ClientError as error:
        if "not found" in str(error):
            return None
        raise
    return {**policies[0]} if policies else None


def describe_policy(policy: Mapping[str, Any]) -> str:
    """Describe what a policy aims at: `TargetTrackingScaling, VideoQueueDepthTotal at 1`."""
    tracking = policy.get(_CONFIGURATION) or {}
    metric = tracking.get("CustomizedMetricSpecification", {}).get("MetricName", "a metric")
    aim = f", {metric} at {tracking['TargetValue']:g}" if "TargetValue" in tracking else ""
    cooldown = f", cooldown {policy['Cooldown']} s" if "Cooldown" in policy else ""
    return f"{policy.get('PolicyType', '?')}{aim}{cooldown}"


def backup(aws: Aws, file: Path, answer: Answer = FOR_PEOPLE) -> int:
    """Write the policy's configuration into a new file, as the former scripts kept it.

    Raises:
        NotThereError: there is no such policy.
        UsageError: the file exists already, or cannot be written.

    """
    policy = find_policy(aws)
    if policy is None or _CONFIGURATION not in policy:
        raise NotThereError(
            f"there is no policy {names.LEGACY_POLICY} of {names.LEGACY_GROUP} that tracks a target"
        )
    text = json.dumps(policy[_CONFIGURATION], indent=2) + "\n"
    try:
        # An earlier backup may be the only one of what was there.
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"--backup {file}: {error.strerror}; name a new file") from error
    text = describe_policy(policy)
    answer.show("kept", f"{text}: kept in {file}", policy=text, file=str(file))
    return OK


def restore(aws: Aws, file: Path, answer: Answer = FOR_PEOPLE, *, dry_run: bool) -> int:
    """Put the policy back as a file has it.

    Raises:
        UsageError: the file holds no configuration of a policy.

    """
    tracking = read_configuration(file)
    wanted: Any = {
        "PolicyName": names.LEGACY_POLICY,
        "PolicyType": _TARGET_TRACKING,
        _CONFIGURATION: tracking,
    }
    present = find_policy(aws)
    now, after = describe_policy(present) if present else "no such policy", describe_policy(wanted)
    text = f"now      {now}\nrestored {after}"
    answer.show("policy", text, now=now, restored=after, dry_run=dry_run)
    if dry_run:
        answer.note("Nothing was changed (--dry-run).")
        return OK
    aws.autoscaling.put_scaling_policy(AutoScalingGroupName=names.LEGACY_GROUP, **wanted)
    text = f"The policy {names.LEGACY_POLICY} of {names.LEGACY_GROUP} is as in {file}."
    answer.show("restored", text, policy=after, file=str(file))
    return OK


def read_configuration(file: Path) -> dict[str, Any]:
    """Read the configuration that `backup`, or a former script, wrote.

    Raises:
        NotThereError: there is no such file.
        UsageError: it is no JSON, or has no target.

    """
    try:
        # A former script's editor may have put a byte-order mark at the start.
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise NotThereError(f"--restore {file}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--restore {file}: no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("TargetValue"), (int, float)):
        raise UsageError(f"--restore {file}: no configuration of a policy: it has no TargetValue")
    return {name: value for name, value in found.items() if name not in _NOT_OF_EC2}
