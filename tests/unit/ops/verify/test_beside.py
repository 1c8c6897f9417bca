"""The image and the network: no resources of the template, and needed all the same."""

from __future__ import annotations

from botocore.stub import Stubber

from ops.aws import Aws
from ops.verify.beside import image, network
from ops.verify.template import Template

URI = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/worker@sha256:" + "a" * 64
NETWORK = Template(
    parameters={
        "SubnetIds": {"Type": "List<AWS::EC2::Subnet::Id>"},
        "SecurityGroupIds": {"Type": "List<AWS::EC2::SecurityGroup::Id>"},
        "Other": {"Type": "String"},
    },
    resources={},
)


def test_an_image_that_expired_is_drift(aws: Aws) -> None:
    with Stubber(aws.ecr) as ecr:
        ecr.add_response("describe_images", {"imageDetails": []})
        ecr.add_client_error("describe_images", "ImageNotFoundException")
        assert list(map(str, image(aws, {"ImageUri": URI}))) == [f"ok    image: {URI}"]
        (line,) = map(str, image(aws, {"ImageUri": URI}))
    assert line.startswith(f"DRIFT image: expected {URI}, found nothing of this digest in worker")


def test_an_image_of_elsewhere_is_unknown(aws: Aws) -> None:
    for uri in ("ghcr.io/a/worker@sha256:" + "a" * 64, URI.replace("northeast-2", "south-1")):
        (line,) = map(str, image(aws, {"ImageUri": uri}))
        assert line.startswith(f"UNKNOWN image: {uri} is not in ECR in ap-northeast-2")


def test_a_subnet_that_is_gone_is_drift_and_so_are_two_networks(aws: Aws) -> None:
    parameters = {"SubnetIds": "subnet-1, subnet-2", "SecurityGroupIds": "sg-1"}
    subnet = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "State": "available"}
    with Stubber(aws.ec2) as ec2:
        ec2.add_response("describe_subnets", {"Subnets": [subnet]})
        groups = {"SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-2"}]}
        ec2.add_response("describe_security_groups", groups)
        assert [str(line) for line in network(aws, NETWORK, parameters)] == [
            "ok    subnet subnet-1: available",
            "DRIFT subnet subnet-2: expected available, found nothing",
            "ok    security group sg-1: available",
            "DRIFT network: expected one VPC, found vpc-1, vpc-2",
        ]
