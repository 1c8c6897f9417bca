"""The instances' launch template."""

from __future__ import annotations

from collections.abc import Mapping

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind
from ops.verify.resource import Resource
from ops.verify.template import Value

_METADATA = "LaunchTemplateData.MetadataOptions"
DEFAULTS = {
    f"{_METADATA}.HttpEndpoint": "enabled",
    f"{_METADATA}.HttpProtocolIpv6": "disabled",
    f"{_METADATA}.InstanceMetadataTags": "disabled",
}


def launch_data(version: Mapping[str, Value]) -> dict[str, Value]:
    """Return what a version of a launch template gives an instance."""
    data: dict[str, Value] = dict(version.get("LaunchTemplateData", {}))
    if "MetadataOptions" in data:
        # How far EC2 is with applying them.
        data["MetadataOptions"] = {k: v for k, v in data["MetadataOptions"].items() if k != "State"}
    return data


@kind(
    "AWS::EC2::LaunchTemplate",
    defaults=DEFAULTS,
    unread=("LaunchTemplateName", "VersionDescription", "TagSpecifications"),
)
def launch_template(aws: Aws, resource: Resource) -> Properties | None:
    """Read the newest version of a launch template.

    CloudFormation makes one for each change and leaves the default as it is; the compute
    environment names the version by its number.
    """
    versions = aws.ec2.describe_launch_template_versions(
        LaunchTemplateId=resource.id, Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    if not versions:
        return None
    return {"LaunchTemplateData": launch_data(versions[0])}
