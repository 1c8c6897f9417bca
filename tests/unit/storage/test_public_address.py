"""Which addresses a source may have."""

from __future__ import annotations

import pytest

from worker.errors import NoSourceError
from worker.storage.public_address import SourcePool, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("64:ff9b::808:808", True),
        ("127.0.0.1", False), ("127.8.9.1", False), ("0.0.0.0", False), ("10.0.0.1", False),
        ("172.16.3.4", False), ("192.168.0.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("ff02::1", False),
        ("64:ff9b::7f00:1", False), ("::127.0.0.1", False), ("fec0::1", False),
        ("::ffff:8.8.8.8", True), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_only_the_internet_is_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public


def test_https_does_not_become_http() -> None:
    pool = SourcePool(allow_private=False, https_only=True)
    with pytest.raises(NoSourceError, match="stays https"):
        pool.urlopen("GET", "http://example.com/in.mp4")
