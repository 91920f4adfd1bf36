"""What the server says that it is."""

from __future__ import annotations

import zoneinfo

import pytest

from runlore.server.native import info


def test_what_the_server_is(api, store):
    found = api.get("info").json()
    assert (found["name"], found["api"], found["store"]["location"]) == ("runlore", 1, store.location)
    assert (found["accounts"], found["user"]) == (False, None)
    assert found["time_zone"] in zoneinfo.available_timezones()


@pytest.mark.parametrize(
    ("variable", "file", "zone"),
    [("Europe/Berlin", "", "Europe/Berlin"), (":Asia/Tokyo", "", "Asia/Tokyo"), ("nonsense", "", "UTC"),
     ("", "/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"), ("", "/nowhere", "UTC"), ("../../etc", "", "UTC")],
)  # fmt: skip
def test_the_time_zone_of_the_machine(monkeypatch, variable, file, zone):
    monkeypatch.setenv("TZ", variable)
    monkeypatch.setattr(info, "ZONE_FILE", file)
    assert info.zone_of_machine() == zone
