"""The former scaling policy in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.errors import NotThereError, UsageError
from ops.legacy.policy import describe_policy, read_configuration

METRIC = {"MetricName": "VideoQueueDepthTotal", "Namespace": "Academy/VideoProcessing"}
TRACKING = {"TargetValue": 1.0, "CustomizedMetricSpecification": METRIC}


def test_a_file_of_the_former_scripts_is_read(tmp_path: Path) -> None:
    """They wrote cooldowns that EC2 refuses, and an editor may have added a byte-order mark."""
    file = tmp_path / "video_tt_config.json"
    former = {**TRACKING, "ScaleOutCooldown": 60, "ScaleInCooldown": 300}
    file.write_text(json.dumps(former), encoding="utf-8-sig")
    assert read_configuration(file) == TRACKING


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"TargetValue": "1"}'])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"--restore .*policy.json"):
        read_configuration(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"gone\.json"):
        read_configuration(tmp_path / "gone.json")


def test_target_and_cooldown_are_shown() -> None:
    policy = {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": TRACKING,
        "Cooldown": 60,
    }
    shown = "TargetTrackingScaling, VideoQueueDepthTotal at 1, cooldown 60 s"
    assert describe_policy(policy) == shown
