"""scripts/push-image: to a registry on this machine, and how it handles the answers of ECR."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_ecr import ECRClient

from tests.e2e.conftest import container, pull, push_image
from tests.functional.conftest import ROOT

URI = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/academy-video-worker"
REPOSITORY = {"registryId": "123456789012", "repositoryName": "academy-video-worker"}
DIGEST = "sha256:" + "5" * 64
IMAGE = {"imageDigest": DIGEST}


def test_the_printed_reference_can_be_pulled_and_the_sbom_lists_packages(
    image: str, registry: str, tmp_path: Path
) -> None:
    sbom = tmp_path / "image.spdx.json"
    pushed = push_image(f"{registry}/worker", "--sbom", str(sbom))
    assert pushed.returncode == 0, pushed.stderr
    (reference,) = pushed.stdout.split()
    assert reference.startswith(f"{registry}/worker@sha256:")
    assert "not scanned" in pushed.stderr
    pull(reference)
    ids = [container("image", "inspect", "--format", "{{.Id}}", i) for i in (image, reference)]
    container("rmi", reference)
    assert ids[0] == ids[1]
    assert container("image", "inspect", image), "only the pulled reference is removed"
    listed = sbom.read_text()
    for name in ("boto3", "libx264-164", "python3.13-minimal"):
        assert f'"name":"{name}"' in listed.replace('": "', '":"')


def test_a_refused_push_is_a_failure(registry: str, image: str) -> None:  # noqa: ARG001
    pushed = push_image("127.0.0.1:9/worker", "--no-sbom")
    assert (pushed.returncode, pushed.stdout) == (69, "")


@pytest.mark.parametrize("uri", ["worker", f"{URI}:tag", f"{URI}@{DIGEST}", "a b/c"])
def test_an_argument_that_names_no_repository_is_refused(uri: str) -> None:
    assert push_image(uri).returncode == 64


@pytest.fixture(scope="module")
def ecr() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ecr", ROOT / "scripts" / "ecr.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ECRClient:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return boto3.client("ecr", region_name="ap-northeast-2")


def scan(ecr: ModuleType, client: ECRClient, **options: Any) -> int:
    options = {"allow_critical": False, **options}
    status: int = ecr.scan(client, REPOSITORY, DIGEST, sleep=lambda _: None, **options)
    return status


def answer(status: str, **counts: int) -> dict[str, Any]:
    return {
        "imageScanStatus": {"status": status},
        "imageScanFindings": {"findingSeverityCounts": counts},
    }


def test_the_password_is_the_second_half_of_the_token(ecr: ModuleType) -> None:
    with mock_aws():
        client = boto3.client("ecr", region_name="ap-northeast-2")
        assert ecr.password(client) == "123456789012-auth-token"


def test_a_missing_tag_has_no_digest(ecr: ModuleType) -> None:
    with mock_aws():
        client = boto3.client("ecr", region_name="ap-northeast-2")
        client.create_repository(repositoryName=REPOSITORY["repositoryName"])
        assert ecr.digest_of(client, REPOSITORY, "abc") is None


@pytest.mark.parametrize(
    ("counts", "options", "status"),
    [
        ({}, {}, 0),
        ({"HIGH": 3}, {}, 0),
        ({"CRITICAL": 1, "HIGH": 2}, {}, 1),
        ({"CRITICAL": 1}, {"allow_critical": True}, 0),
    ],
)
def test_a_critical_finding_fails_unless_it_is_allowed(
    ecr: ModuleType,
    client: ECRClient,
    counts: dict[str, int],
    options: dict[str, bool],
    status: int,
) -> None:
    request = {**REPOSITORY, "imageId": IMAGE}
    with Stubber(client) as stub:
        stub.add_response("describe_image_scan_findings", answer("IN_PROGRESS"), request)
        stub.add_response("describe_image_scan_findings", answer("COMPLETE", **counts), request)
        assert scan(ecr, client, **options) == status
        stub.assert_no_pending_responses()


def test_a_scan_that_has_not_started_is_started_once(ecr: ModuleType, client: ECRClient) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("describe_image_scan_findings", "ScanNotFoundException")
        stub.add_response("start_image_scan", {}, {**REPOSITORY, "imageId": IMAGE})
        stub.add_client_error("describe_image_scan_findings", "ScanNotFoundException")
        stub.add_response("describe_image_scan_findings", answer("COMPLETE"))
        assert scan(ecr, client) == 0
        stub.assert_no_pending_responses()


def test_a_scan_that_never_ends_is_a_failure(
    ecr: ModuleType, client: ECRClient, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stubber(client) as stub:
        for _ in range(60):
            stub.add_response("describe_image_scan_findings", answer("PENDING"))
        assert scan(ecr, client) == 1
    assert "no end of ECR's scan within 300 s" in capsys.readouterr().err
