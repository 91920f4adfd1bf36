"""What the server says that it is."""

from __future__ import annotations

import subprocess
import sys
import zoneinfo

import pytest

from runlore.server.native import info


def test_what_the_server_is(api, store):
    found = api.get("info").json()
    assert (found["name"], found["api"], found["store"]["location"]) == ("runlore", 1, store.location)
    assert (found["accounts"], found["user"], found["read_only"]) == (False, None, False)
    assert found["time_zone"] in zoneinfo.available_timezones()


READ_ONLY = """
set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
"$2" -c 'import sys; from runlore.server.native.info import is_writable; print(is_writable(sys.argv[1]))' "$1"
"""


def test_a_store_that_cannot_be_written_to_is_said_to_be_so(store):
    assert info.is_writable(store.location)
    assert info.is_writable("s3://bucket/elsewhere")
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", READ_ONLY, "sh", store.location, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr}")
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("variable", "file", "zone"),
    [("Europe/Berlin", "", "Europe/Berlin"), (":Asia/Tokyo", "", "Asia/Tokyo"), ("nonsense", "", "UTC"),
     ("", "/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"), ("", "/nowhere", "UTC"), ("../../etc", "", "UTC")],
)  # fmt: skip
def test_the_time_zone_of_the_machine(monkeypatch, variable, file, zone):
    monkeypatch.setenv("TZ", variable)
    monkeypatch.setattr(info, "ZONE_FILE", file)
    assert info.zone_of_machine() == zone
