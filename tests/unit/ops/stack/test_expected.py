"""What is expected of a deployed system with given parameters."""

from __future__ import annotations

import pytest

from ops import names
from ops.stack.expected import architecture, expect, near_deadline_pattern, words
from tests.unit.ops.stack.parameters import PARAMETERS
from tests.unit.ops.template import read_template
from worker.config.job import Job
from worker.config.option import GivenBy, options_of, variable_name


@pytest.mark.parametrize("name", ["c6g", "c7g.2xlarge", "c7gn", "m8g", "t4g.small", "x2gd", "a1"])
def test_gravitons_are_arm64(name: str) -> None:
    assert architecture([name]) == "arm64"


@pytest.mark.parametrize("name", ["c6i", "g4dn.xlarge", "g5", "c6a", "optimal", "m5"])
def test_others_are_not(name: str) -> None:
    assert architecture(["c6g", name]) == f"not arm64: {name}"


def test_lists_are_compared_in_one_order() -> None:
    assert words("c7g, c6g.large") == "c6g.large, c7g"


def test_the_warning_follows_its_parameter() -> None:
    assert "$.elapsed_s > 12960 " in near_deadline_pattern(PARAMETERS)


def test_secrets_are_expected_where_their_parameters_are_given() -> None:
    name = "job definition academy-video-batch-jobdef secrets"
    assert expect(PARAMETERS)[name] == "none"
    arn = "arn:aws:secretsmanager:ap-northeast-2:1:secret:notify"
    expected = expect({**PARAMETERS, "NotifySecret": arn})
    assert expected[name] == f"WORKER_NOTIFY_SECRET {arn}:notify_secret::"


def test_events_for_the_backend_are_expected_where_a_url_is_given() -> None:
    assert not [name for name in expect(PARAMETERS) if names.EVENTS in name]
    url = "https://api.example/events"
    expected = expect({**PARAMETERS, "EventsUrl": url})
    assert {name: value for name, value in expected.items() if names.EVENTS in name} == {
        "rule academy-video-events state": "ENABLED",
        "rule academy-video-events event": "Batch Job State Change of academy-video-batch-queue",
        "rule academy-video-events target": "an API destination, with a dead-letter queue",
        "API destination academy-video-events": f"POST {url}, ACTIVE",
    }


def test_the_template_gives_a_job_each_secret_and_each_variable_that_is_expected() -> None:
    container = read_template()["Resources"]["JobDefinition"]["Properties"]["ContainerProperties"]
    given = {
        secret["Fn::If"][1]["Name"]: secret["Fn::If"][1]["ValueFrom"]["Fn::Sub"]
        for secret in container["Secrets"]["Fn::If"][1]
    }
    assert given == {
        variable_name(field): f"${{{name}}}:{key}::"
        for field, (name, key) in names.SECRET_PARAMETERS.items()
    }
    # And each secret of the worker is one of them.
    secrets = {option.field for option in options_of(Job) if option.given_by is GivenBy.SECRETS}
    assert secrets == set(names.SECRET_PARAMETERS)
    variables = {each["Name"]: each["Value"] for each in container["Environment"]["Fn::If"][1]}
    for field, name in names.OPTION_PARAMETERS.items():
        assert variables[variable_name(field)] in ({"Ref": name}, {"Fn::Sub": f"${{{name}}}"})


def test_the_secrets_that_are_expected_are_those_of_the_template() -> None:
    """With a secret for each parameter that names one."""
    properties = read_template()["Resources"]["JobDefinition"]["Properties"]
    listed = properties["ContainerProperties"]["Secrets"]["Fn::If"][1]
    secrets = [each["Fn::If"][1] for each in listed]
    arns = {name: f"arn-of-{name}" for name, _ in names.SECRET_PARAMETERS.values()}
    found = []
    for secret in secrets:
        value = secret["ValueFrom"]["Fn::Sub"]
        for name, arn in arns.items():
            value = value.replace(f"${{{name}}}", arn)
        found.append(f"{secret['Name']} {value}")
    expected = expect({**PARAMETERS, **arns})
    assert expected[f"job definition {names.JOB_DEFINITION} secrets"] == ", ".join(sorted(found))
