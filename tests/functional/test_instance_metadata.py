"""The firewall rule of the instances' user data, in a network of its own with a metadata server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.ops.template import read_template

# What answers at the two addresses, and who asks: the worker's user, and the ECS agent's.
SCRIPT = """
set -eu
ip link set lo up
for address in 169.254.169.254 169.254.170.2; do
    ip addr add $address/32 dev lo
    /usr/bin/python3 -m http.server 80 --bind $address >/dev/null 2>&1 &
done
ask() {
    setpriv --reuid "$1" --regid "$1" --clear-groups /usr/bin/python3 -c '
import sys, urllib.request
try:
    answer = urllib.request.urlopen(f"http://{sys.argv[2]}/", timeout=3).status
except OSError:
    answer = "nothing"
print(*sys.argv[1:], answer)' "$1" "$2"
}
until ask 0 169.254.170.2 | grep -q 200 && ask 10001 169.254.169.254 | grep -q 200; do :; done
sh "$1"
sh "$1"
ask 10001 169.254.169.254
ask 10001 169.254.170.2
ask 0 169.254.169.254
kill $(jobs -p)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("iptables") or not Path("/usr/bin/python3").exists(),
    reason="needs root, iptables and Debian's python3 for a network of its own",
)
@pytest.mark.timeout(60)
def test_the_workers_user_gets_no_metadata_and_its_own_credentials(tmp_path: Path) -> None:
    resource = read_template()["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    (hook,) = (
        part.partition("\n\n")[2]
        for part in resource["UserData"]["Fn::Base64"].split("--==academy==")
        if "text/cloud-boothook" in part
    )
    # Where the rule cannot be set, this fails: there is no ECS agent to keep down.
    (tmp_path / "hook").write_text(hook.replace("systemctl mask --now ecs", "exit 9"))
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", SCRIPT, "bash", "hook"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "10001 169.254.169.254 nothing",
        "10001 169.254.170.2 200",
        "0 169.254.169.254 200",
    ]
