"""The repository and the log group: made, or given their settings before they are imported."""

from __future__ import annotations

import json

from botocore.stub import Stubber

from ops.aws import Aws
from ops.stack.kept import LIFECYCLE, MUTABILITY, are_imported, prepare
from tests.unit.ops.template import read_template

RESOURCES = read_template()["Resources"]
PARAMETERS = {"RetentionDays": "90"}
NAME = "academy-video-worker"
GROUP = "/aws/batch/academy-video-worker"
FOUND = {"repositoryName": NAME, "repositoryUri": f"host/{NAME}"}
LIFECYCLE_ASKED = {"repositoryName": NAME, "lifecyclePolicyText": json.dumps(LIFECYCLE)}
SCAN = {"scanOnPush": True}


def test_the_settings_are_the_templates() -> None:
    repository = RESOURCES["Repository"]["Properties"]
    assert json.loads(repository.pop("LifecyclePolicy")["LifecyclePolicyText"]) == LIFECYCLE
    assert repository == {
        "RepositoryName": {"Fn::Sub": "${Prefix}-worker"},
        "ImageTagMutability": MUTABILITY,
        "ImageScanningConfiguration": {"ScanOnPush": True},
    }
    assert set(RESOURCES["LogGroup"]["Properties"]) == {"LogGroupName", "RetentionInDays"}


def test_what_is_not_there_is_made_with_all_settings(aws: Aws) -> None:
    with Stubber(aws.ecr) as ecr, Stubber(aws.logs) as logs:
        ecr.add_client_error("describe_repositories", "RepositoryNotFoundException")
        made = {
            "repositoryName": NAME,
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": SCAN,
        }
        ecr.add_response("create_repository", {"repository": FOUND}, made)
        ecr.add_response("put_lifecycle_policy", {}, LIFECYCLE_ASKED)
        logs.add_response("create_log_group", {}, {"logGroupName": GROUP})
        kept = {"logGroupName": GROUP, "retentionInDays": 90}
        logs.add_response("put_retention_policy", {}, kept)
        assert prepare(aws, PARAMETERS) == f"host/{NAME}"
        ecr.assert_no_pending_responses()
        logs.assert_no_pending_responses()


def test_what_is_there_gets_them(aws: Aws) -> None:
    with Stubber(aws.ecr) as ecr, Stubber(aws.logs) as logs:
        ecr.add_response("describe_repositories", {"repositories": [FOUND]})
        put = {"repositoryName": NAME, "imageTagMutability": "IMMUTABLE"}
        ecr.add_response("put_image_tag_mutability", {}, put)
        scan = {"repositoryName": NAME, "imageScanningConfiguration": SCAN}
        ecr.add_response("put_image_scanning_configuration", {}, scan)
        ecr.add_response("put_lifecycle_policy", {}, LIFECYCLE_ASKED)
        logs.add_client_error("create_log_group", "ResourceAlreadyExistsException")
        logs.add_response("put_retention_policy", {})
        assert prepare(aws, PARAMETERS) == f"host/{NAME}"
        ecr.assert_no_pending_responses()
        logs.assert_no_pending_responses()


def test_an_import_of_either_is_seen() -> None:
    assert are_imported([{"Action": "Import", "LogicalResourceId": "Repository"}])
    assert not are_imported(
        [
            {"Action": "Import", "LogicalResourceId": "JobQueue"},
            {"Action": "Add", "LogicalResourceId": "Repository"},
        ]
    )
