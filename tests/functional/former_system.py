"""The former system, made on a moto server: functions, their rules, the group, its policy."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

from ops import names
from tests.functional.conftest import Server

ROLE = "arn:aws:iam::123456789012:role/legacy"


def make_former_system(server: Server) -> None:
    server.client("iam").create_role(
        RoleName="legacy", AssumeRolePolicyDocument=json.dumps(LAMBDA_MAY)
    )
    switches = (
        {"ENABLE_VIDEO_METRICS": "true", "ENABLE_VIDEO_WAKE": "true"},
        {"ENABLE_VIDEO_METRICS": "true", "ENABLE_VIDEO_WAKE": "false"},
    )
    for (function, (_, rule)), variables in zip(
        names.LEGACY_LAMBDAS.items(), switches, strict=True
    ):
        server.client("lambda").create_function(
            FunctionName=function,
            Runtime="python3.12",
            Role=ROLE,
            Handler="metric.handler",
            Code={"ZipFile": _package()},
            Environment={"Variables": variables},
        )
        is_on = function == names.LEGACY_METRIC_LAMBDA
        server.client("events").put_rule(
            Name=rule,
            ScheduleExpression="rate(1 minute)",
            State="ENABLED" if is_on else "DISABLED",
        )
    scaling = server.client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="legacy", ImageId="ami-12c6146b", InstanceType="c6g.large"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=names.LEGACY_GROUP,
        LaunchConfigurationName="legacy",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=1,
        AvailabilityZones=["ap-northeast-2a"],
    )
    scaling.put_scaling_policy(
        AutoScalingGroupName=names.LEGACY_GROUP,
        PolicyName=names.LEGACY_POLICY,
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "TargetValue": 1.0,
            "CustomizedMetricSpecification": {
                "Namespace": names.LEGACY_NAMESPACE,
                "MetricName": names.LEGACY_METRIC,
                "Statistic": "Average",
            },
        },
    )
    server.client("cloudwatch").put_metric_data(
        Namespace=names.LEGACY_NAMESPACE,
        MetricData=[
            {"MetricName": names.LEGACY_METRIC, "Value": 1.0, "Timestamp": datetime.now(UTC)}
        ],
    )


LAMBDA_MAY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def _package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metric.py", "def handler(event, context): pass")
    return buffer.getvalue()
