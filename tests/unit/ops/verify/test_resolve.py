"""A template's functions and conditions, resolved with a stack's values."""

from __future__ import annotations

import pytest

from ops.verify.resolve import Resolver, UnresolvedError
from ops.verify.template import Template, parse_template

BODY = """
Parameters:
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
  Types: {Type: CommaDelimitedList, Default: "c6g, c7g"}
  Memory: {Type: Number, Default: 3072}
  Mail: {Type: String, Default: ""}
  Needed: {Type: String}
Mappings:
  Sizes: {large: {vcpus: "2"}}
Conditions:
  HasMail: !Not [!Equals [!Ref Mail, ""]]
  HasBoth: !And [!Condition HasMail, !Equals [!Ref Memory, "3072"]]
  HasEither: !Or [!Condition HasMail, !Equals [!Ref "AWS::Region", r]]
Resources:
  Queue: {Type: "AWS::Batch::JobQueue"}
"""
VALUES = {"Subnets": "subnet-1,subnet-2", "Mail": "a@b"}


def resolver(**parameters: str) -> Resolver:
    return Resolver(
        template=parse_template(BODY),
        parameters={**VALUES, **parameters},
        pseudo={"AWS::Region": "r", "AWS::AccountId": "1"},
        ids={"Queue": "arn:queue"},
        attribute=lambda name, attribute: f"{name}/{attribute}",
    )


def resolved(text: str, **parameters: str) -> object:
    node = parse_template(f"Resources: {{X: {text}}}").resources["X"]
    return resolver(**parameters).value(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Memory", 3072),
        ("!Ref Subnets", ["subnet-1", "subnet-2"]),
        ("!Ref Types", ["c6g", "c7g"]),
        ("!Ref AWS::Region", "r"),
        ("!Ref Queue", "arn:queue"),
        (
            "!Sub 'a ${Memory} ${AWS::Region} ${Queue} ${Queue.Arn} ${!kept}'",
            "a 3072 r arn:queue Queue/Arn ${kept}",
        ),
        ("!Sub ['${own} ${Memory}', {own: !Ref Mail}]", "a@b 3072"),
        ("!GetAtt Queue.A.B", "Queue/A.B"),
        ("{'Fn::GetAtt': [Queue, A]}", "Queue/A"),
        ("!If [HasMail, [yes-it-is], no-it-is-not]", ["yes-it-is"]),
        ("!If [HasBoth, 1, 2]", 1),
        ("!If [HasEither, 1, 2]", 1),
        ("!Join ['-', [a, !Ref Memory]]", "a-3072"),
        ("!Join ['-', !Ref Subnets]", "subnet-1-subnet-2"),
        ("!Split [',', 'a,b']", ["a", "b"]),
        ("!Select [1, !Ref Subnets]", "subnet-2"),
        ("!Select ['0', !Split [',', 'a,b']]", "a"),
        ("!FindInMap [Sizes, large, vcpus]", "2"),
        ("{'Fn::Base64': !Sub '${Memory}'}", "MzA3Mg=="),
        (
            "{a: !Ref 'AWS::NoValue', b: [1, !Ref 'AWS::NoValue'], c: 2012-10-17}",
            {"b": [1], "c": "2012-10-17"},
        ),
    ],
)
def test_a_function_is_resolved(text: str, value: object) -> None:
    assert resolved(text) == value


def test_a_condition_decides() -> None:
    assert resolved("!If [HasMail, 1, !Ref 'AWS::NoValue']", Mail="") is None
    assert resolved("!If [HasEither, 1, 2]", Mail="") == 1
    assert resolver().exists({"Condition": "HasMail"})
    assert not resolver(Mail="").exists({"Condition": "HasMail"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("!Ref Gone", "Ref Gone: the stack has no such resource"),
        ("!Ref Needed", "Ref Needed: the stack has no value"),
        ("!Sub '${Gone}'", "Ref Gone"),
        ("!GetAtt Gone.Arn", "Fn::GetAtt Gone"),
        ("!If [Gone, 1, 2]", "there is no condition Gone"),
        ("!Cidr [a, 1, 1]", "Fn::Cidr is not known here"),
        ("!Select [7, !Ref Subnets]", "Fn::Select"),
        ("!Sub '${Subnets}'", "text is expected"),
    ],
)
def test_what_cannot_be_resolved_is_named(text: str, words: str) -> None:
    with pytest.raises(UnresolvedError, match=words):
        resolved(text)


@pytest.mark.parametrize("body", ["", "{", "[]", "a: 1", "Resources: 7"])
def test_what_is_no_template_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="no "):
        parse_template(body)


def test_a_template_of_json_is_an_object() -> None:
    found = parse_template({"Resources": {"A": {"Type": "T"}}})
    assert found == Template(parameters={}, resources={"A": {"Type": "T"}})
