"""Two values side by side: what is the same, what differs, what is too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import pytest

from ops.verify.compare import compare
from ops.verify.normal import normal

Properties: TypeAlias = Mapping[str, object]


def drifts(expected: Properties, found: Properties, **defaults: str) -> list[str]:
    lines = compare(normal(expected), normal(found), defaults=defaults)
    return [str(line).removeprefix("DRIFT ") for line in lines if line.is_drift]


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"A": 2}, {"A": "2"}),
        ({"A": 1.0}, {"A": 1}),
        ({"A": True}, {"A": "true"}),
        ({"A": False}, {}),
        ({}, {"A": False, "B": [], "C": {}, "D": "", "E": None, "F": {"G": []}}),
        ({"Types": ["b", "a"]}, {"Types": ["a", "b"]}),
        ({"E": [{"Name": "x", "Value": "1"}]}, {"E": [{"Value": "1", "Name": "x"}]}),
        # Batch leaves out variables without a value.
        ({"Environment": [{"Name": "x", "Value": ""}]}, {"Environment": []}),
        ({"S": [{"a": 1}, {"b": 2}]}, {"S": [{"b": 2}, {"a": 1}]}),
        ({"LifecyclePolicyText": '{"rules": [1]}'}, {"LifecyclePolicyText": '{ "rules":[ 1 ] }'}),
        ({"UserData": "IyEvYmluL3No"}, {"UserData": "#!/bin/sh\n"}),
        (
            {"PolicyDocument": {"Statement": {"Action": "a", "Resource": ["r"], "Principal": "*"}}},
            {
                "PolicyDocument": '{"Statement": [{"Action": ["a"], "Resource": "r",'
                ' "Principal": {"AWS": ["*"]}}]}'
            },
        ),
        (
            {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
            {"AssumeRolePolicyDocument": "%7B%22Version%22%3A%20%222012-10-17%22%7D"},
        ),
    ],
)
def test_what_means_the_same_is_no_drift(expected: Properties, found: Properties) -> None:
    assert drifts(expected, found) == []


@pytest.mark.parametrize(
    ("expected", "found", "lines"),
    [
        ({"A": 1}, {"A": 2}, ["A: expected 1, found 2"]),
        ({"A": 1}, {}, ["A: expected 1, found nothing"]),
        ({}, {"A": {"B": True}}, ["A.B: expected nothing, found true"]),
        ({"A": {"C": 1}}, {"A": {"C": 1, "B": True}}, ["A.B: expected nothing, found true"]),
        (
            {"Command": ["a", "b"]},
            {"Command": ["b", "a"]},
            ['Command: expected ["a", "b"], found ["b", "a"]'],
        ),
        (
            {"T": [{"Id": "1", "Arn": "x"}]},
            {"T": [{"Id": "1", "Arn": "y"}, {"Id": "2"}]},
            ["T[1].Arn: expected x, found y", 'T[2]: expected nothing, found {"Id": "2"}'],
        ),
        ({"S": [{"a": 1}]}, {"S": [{"a": 1}, {"a": 2}]}, ['S: expected nothing, found {"a": "2"}']),
        ({"A": "text"}, {"A": ["text"]}, ['A: expected text, found ["text"]']),
        (
            {"PolicyDocument": {"Statement": [{"Action": "a"}]}},
            {"PolicyDocument": {"Statement": [{"Action": "*"}]}},
            ['PolicyDocument.Statement: expected {"Action": ["a"]}, found {"Action": ["*"]}'],
        ),
    ],
)
def test_what_differs_is_named(expected: Properties, found: Properties, lines: list[str]) -> None:
    assert drifts(expected, found) == lines


def test_what_aws_takes_without_a_value_is_no_drift() -> None:
    assert drifts({}, {"State": "ENABLED"}, State="ENABLED") == []
    assert drifts({"State": "ENABLED"}, {}, State="ENABLED") == []
    assert drifts({}, {"State": "DISABLED"}, State="ENABLED") == [
        "State: expected nothing, found DISABLED"
    ]
    # Its default is on: off is drift, though elsewhere it is as good as none.
    assert drifts({}, {"On": False}, On="true") == ["On: expected nothing, found false"]
    assert drifts({}, {"T": [{"Id": "a", "R": "1"}]}) == [
        'T[a]: expected nothing, found {"Id": "a", "R": "1"}'
    ]
    kept = {"T": [{"Id": "a", "Arn": "x", "R": "1"}]}
    assert drifts({"T": [{"Id": "a", "Arn": "x"}]}, kept, **{"T.R": "1"}) == []


def test_a_variable_that_someone_added_is_not_shown() -> None:
    container = {"ContainerProperties": {"Environment": [{"Name": "A", "Value": "1"}]}}
    added = {
        "ContainerProperties": {
            "Environment": [{"Name": "A", "Value": "1"}, {"Name": "KEY", "Value": "hidden"}]
        }
    }
    (line,) = drifts(container, added)
    assert line.startswith("ContainerProperties.Environment[KEY]: expected nothing, found a value")
    assert "hidden" not in line
