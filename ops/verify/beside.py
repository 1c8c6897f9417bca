"""What is no resource of the template and must be there all the same: the image, the network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.verify.compare import Comparison
from ops.verify.report import Line, Unknown
from ops.verify.template import Template

_IMAGE = "ImageUri"
_ECR = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
    r"/(?P<repository>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})"
)
_GONE = frozenset({"ImageNotFoundException", "RepositoryNotFoundException"})


def image(aws: Aws, parameters: Mapping[str, str]) -> Iterator[Line]:
    """Whether the image is still in its repository: a job cannot start without it."""
    uri = parameters.get(_IMAGE, "")
    found = _ECR.fullmatch(uri)
    if found is None or found["region"] != aws.region:
        yield Unknown(name="image", reason=f"{uri} is not in ECR in {aws.region}: check it by hand")
        return
    try:
        aws.ecr.describe_images(
            registryId=found["registry"],
            repositoryName=found["repository"],
            imageIds=[{"imageDigest": found["digest"]}],
        )
    except ClientError as error:
        if code_of(error) not in _GONE:
            raise
        where = f"nothing of this digest in {found['repository']}: push it, or deploy another"
        yield Comparison(name="image", expected=uri, found=where)
    else:
        yield Comparison(name="image", expected=uri, found=uri)


def network(aws: Aws, template: Template, parameters: Mapping[str, str]) -> Iterator[Line]:
    """Whether the subnets and security groups that the parameters name exist, in one VPC."""
    kinds = {name: str(each.get("Type")) for name, each in template.parameters.items()}
    subnets, groups = (
        [
            item.strip()
            for name, kind in kinds.items()
            if kind == f"List<AWS::EC2::{what}::Id>"
            for item in parameters.get(name, "").split(",")
            if item.strip()
        ]
        for what in ("Subnet", "SecurityGroup")
    )
    vpcs: set[str] = set()
    # Filters, since a request for ids fails as a whole where one is unknown.
    there = aws.ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": subnets}])["Subnets"]
    states = {s.get("SubnetId"): s.get("State", "available") for s in there}
    vpcs |= {str(s.get("VpcId")) for s in there}
    for name in subnets:
        found = states.get(name, "nothing")
        yield Comparison(name=f"subnet {name}", expected="available", found=found)
    found_groups = aws.ec2.describe_security_groups(
        Filters=[{"Name": "group-id", "Values": groups}]
    )["SecurityGroups"]
    known = {g.get("GroupId") for g in found_groups}
    vpcs |= {str(g.get("VpcId")) for g in found_groups}
    for name in groups:
        found = "available" if name in known else "nothing"
        yield Comparison(name=f"security group {name}", expected="available", found=found)
    yield Comparison(
        name="network",
        expected="one VPC",
        found=", ".join(sorted(vpcs)) if len(vpcs) > 1 else "one VPC",
    )
