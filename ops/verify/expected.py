"""What the stack's resources should be: its template, resolved with its parameters and ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops.aws import AWS_ERRORS, Aws, explain
from ops.verify.attributes import Attributes
from ops.verify.resolve import Resolver, UnresolvedError
from ops.verify.resource import Resource
from ops.verify.template import Template, Value

_ROLE = "AWS::IAM::Role"
_SUFFIXES = {"aws-cn": "amazonaws.com.cn"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """A deployed stack: its ARN, its parameters, the physical ids of its resources."""

    arn: str
    parameters: Mapping[str, str]
    ids: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.split("/")[1]

    def pseudo(self) -> dict[str, str]:
        """Return the pseudo parameters."""
        _, partition, _, region, account, *_ = self.arn.split(":")
        return {
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": self.arn,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": _SUFFIXES.get(partition, "amazonaws.com"),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Unresolved:
    """A resource of which it is not known what it should be; or one that the stack lacks."""

    name: str
    reason: str
    is_missing: bool = False

    def __str__(self) -> str:
        return self.name


def resolver(aws: Aws, template: Template, stack: Stack) -> Resolver:
    """Make the resolver of a stack's template."""
    pseudo = stack.pseudo()

    def properties(name: str) -> Value:
        return made.value(template.resources[name].get("Properties", {}))

    attributes = Attributes(
        aws=aws,
        pseudo=pseudo,
        types={name: str(each["Type"]) for name, each in template.resources.items()},
        ids=stack.ids,
        paths={
            name: path
            for name, each in template.resources.items()
            if isinstance(path := each.get("Properties", {}).get("Path"), str)
        },
        properties=properties,
    )
    made = Resolver(
        template=template,
        parameters=stack.parameters,
        pseudo=pseudo,
        ids=stack.ids,
        attribute=attributes.get,
    )
    return made


def expect(aws: Aws, template: Template, stack: Stack) -> list[Resource | Unresolved]:
    """Return what each resource should be that exists under its condition."""
    resolved = list(_each(resolver(aws, template, stack), template, stack))
    attached = _attached(each for each in resolved if isinstance(each, Resource))
    return [_with_attached(each, attached) for each in resolved]


def _each(made: Resolver, template: Template, stack: Stack) -> Iterator[Resource | Unresolved]:
    for name, each in template.resources.items():
        try:
            if not made.exists(each):
                continue
            if name not in stack.ids:
                yield Unresolved(name=name, reason="not in the stack", is_missing=True)
                continue
            properties = made.value(each.get("Properties", {}))
        except UnresolvedError as error:
            yield Unresolved(name=name, reason=str(error))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            yield Unresolved(name=name, reason=f"AWS's answer cannot be read: {error!r}")
        except AWS_ERRORS as error:
            yield Unresolved(name=name, reason=str(explain(error)))
        else:
            yield Resource(
                name=name, type=str(each["Type"]), id=stack.ids[name], properties=properties
            )


def _attached(resources: Iterator[Resource]) -> dict[str, list[str]]:
    """Map roles to the managed policies that name them."""
    found: dict[str, list[str]] = {}
    for resource in resources:
        if resource.type == "AWS::IAM::ManagedPolicy":
            for role in resource.properties.get("Roles", ()):
                found.setdefault(role, []).append(resource.id)
    return found


def _with_attached(
    each: Resource | Unresolved, attached: Mapping[str, list[str]]
) -> Resource | Unresolved:
    if not isinstance(each, Resource) or each.type != _ROLE or each.id not in attached:
        return each
    own = each.properties.get("ManagedPolicyArns", ())
    return Resource(
        name=each.name,
        type=each.type,
        id=each.id,
        properties={**each.properties, "ManagedPolicyArns": [*own, *attached[each.id]]},
    )
