"""One source of options: what a submission may give follows the fields of `Job`."""

from __future__ import annotations

import argparse
from typing import get_args

from ops import names
from ops.batch.request import Submission, build_request
from ops.commands.submit import add_arguments, given_options
from ops.legacy.message import read_options
from ops.options import container_command, definition_parameters, submitted_options
from tests.unit.ops.extended_job import ExtendedJob
from tests.unit.ops.template import read_template
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.config.option import GivenBy, options_of, variable_name

SOURCE, DESTINATION = "s3://uploads/talk.mp4", "s3://videos/hls/talk"
# By option of the worker, the template's parameter for it.
OPTION_PARAMETERS = {
    "s3_endpoint": "StoreEndpoint",
    "s3_region": "StoreRegion",
    "source_s3_endpoint": "SourceStoreEndpoint",
    "source_s3_region": "SourceStoreRegion",
    "notify": "NotifyUrl",
    "max_source_gib": "LargestUploadGiB",
}
# By option of the worker, the parameter that names a secret, and the key of its value there.
SECRET_PARAMETERS = {
    "s3_access_key_id": ("StoreSecret", "access_key_id"),
    "s3_secret_access_key": ("StoreSecret", "secret_access_key"),
    "source_s3_access_key_id": ("SourceStoreSecret", "access_key_id"),
    "source_s3_secret_access_key": ("SourceStoreSecret", "secret_access_key"),
    "key_secret": ("KeySecret", "key_secret"),
    "notify_secret": ("NotifySecret", "notify_secret"),
}
OF_THE_STACK = {
    "time_limit": {"Fn::Sub": "${TimeLimitSeconds}"},
    "audio": {"Ref": "AudioLayout"},
}


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser, ExtendedJob)
    return parser.parse_args([SOURCE, DESTINATION, *words])


def yaml_block(parameters: dict[str, str], command: list[str]) -> str:
    rows = [f"        {name}: {value!r}" for name, value in parameters.items()]
    words = [f"          - {word}" for word in command]
    return "\n".join(["      Parameters:", *rows, "        Command:", *words])


def test_a_submission_gives_no_setting_of_the_machine() -> None:
    fields = {option.field for option in submitted_options()}
    assert {"ladder", "copy_top", "report", "s3_endpoint"} <= fields
    assert not fields & {"source", "destination", "ffmpeg", "work_dir", "job_id", "plan_only"}


def test_a_new_option_is_an_option_of_submit() -> None:
    words = ["--grain", "3", "--watermark", "--note", "a, b", "--note", "c"]
    assert given_options(parse(*words), ExtendedJob) == {
        "grain_s": "3",
        "watermark": "true",
        "note": "a, b\nc",
    }


def test_a_new_option_reaches_the_request() -> None:
    request = build_request(
        Submission(
            source=SOURCE,
            destination=DESTINATION,
            options={"grain_s": "3", "watermark": "true", "note": "a, b\nc"},
        ),
        known=frozenset(definition_parameters(ExtendedJob)),
        name="n",
        queue="q",
        definition="d",
        job=ExtendedJob,
    )
    assert request["parameters"]["grain"] == "3"
    assert request["containerOverrides"]["environment"] == [
        {"name": "WORKER_WATERMARK", "value": "true"},
        {"name": "WORKER_NOTE", "value": "a, b\nc"},
    ]


def test_a_new_parameter_is_in_the_job_definition_and_a_variable_is_not() -> None:
    assert container_command(ExtendedJob) == [*container_command(), "--grain", "Ref::grain"]
    assert definition_parameters(ExtendedJob) == definition_parameters() | {"grain": "2"}


def test_a_new_option_is_read_from_a_message_of_the_former_queue() -> None:
    message = {
        "source": SOURCE,
        "grain": 3,
        "watermark": True,
        "note": ["a, b", "c"],
        "courseId": 7,
    }
    assert read_options(message, ExtendedJob) == {
        "grain_s": "3",
        "watermark": "True",
        "note": "a, b\nc",
    }


def test_the_template_has_the_options_of_the_worker() -> None:
    definition = read_template()["Resources"]["JobDefinition"]["Properties"]
    command = container_command()
    found = (definition["Parameters"], definition["ContainerProperties"]["Command"])
    expected = definition_parameters() | OF_THE_STACK
    assert found == (expected, command), (
        "JobDefinition in scripts/aws/template.yaml differs from the fields of Job; write\n"
        + yaml_block({name: str(value) for name, value in expected.items()}, command)
    )


def test_the_template_gives_a_job_each_secret_and_what_the_stack_decides() -> None:
    container = read_template()["Resources"]["JobDefinition"]["Properties"]["ContainerProperties"]
    given = {
        secret["Fn::If"][1]["Name"]: secret["Fn::If"][1]["ValueFrom"]["Fn::Sub"]
        for secret in container["Secrets"]["Fn::If"][1]
    }
    assert given == {
        variable_name(field): f"${{{name}}}:{key}::"
        for field, (name, key) in SECRET_PARAMETERS.items()
    }
    # And each secret of the worker is one of them.
    secrets = {option.field for option in options_of(Job) if option.given_by is GivenBy.SECRETS}
    assert secrets == set(SECRET_PARAMETERS)
    variables = {each["Name"]: each["Value"] for each in container["Environment"]["Fn::If"][1]}
    for field, name in OPTION_PARAMETERS.items():
        assert variables[variable_name(field)] in ({"Ref": name}, {"Fn::Sub": f"${{{name}}}"})


def test_the_default_time_limit_of_the_template_is_the_workers() -> None:
    default = read_template()["Parameters"]["TimeLimitSeconds"]["Default"]
    assert str(default) == definition_parameters()["time_limit"]


def test_the_default_audio_layout_of_the_template_is_muxed() -> None:
    """As docs/deployment.md says why; and it can be any that the worker knows."""
    layout = read_template()["Parameters"]["AudioLayout"]
    assert layout["Default"] == "muxed"
    assert set(layout["AllowedValues"]) == set(get_args(Job.model_fields["audio"].annotation))


def test_a_job_of_the_job_definitions_defaults_is_a_job_of_the_workers_defaults() -> None:
    """No other default: what a job is not given must not depend on how it is started.

    But for what the stack decides, as its parameters say.
    """
    words = [f"--{n.replace('_', '-')}={value}" for n, value in definition_parameters().items()]
    locations = ["--source", SOURCE, "--destination", DESTINATION, "--job-id", "1"]
    assert parse_job([*locations, *words], {}) == parse_job(locations, {})


def test_the_log_group_is_the_workers() -> None:
    assert Job.model_fields["log_group"].default == names.LOG_GROUP


def test_no_parameter_of_the_job_definition_is_empty() -> None:
    assert [name for name, value in definition_parameters().items() if not value] == []


def test_each_option_is_documented_in_the_help_of_submit() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Job)
    page = parser.format_help()
    assert [o.name for o in submitted_options() if o.name not in page] == []
