"""What users may rely on is pinned: a name or a signature changes only together with `tests/assets/public_api.txt`."""

from __future__ import annotations

import re
import types

import pytest

import public_api
import runlore


def test_the_public_surface_is_as_pinned():
    pinned = public_api.PINNED.read_text(encoding="utf-8")
    assert public_api.describe_api() == pinned, "if this is meant: python scripts/public_api.py --write"


def test_every_public_name_is_documented():
    assert public_api.undocumented() == []


def test_every_public_name_is_on_its_page():
    page = (public_api.PINNED.parents[2] / "docs" / "reference" / "python-api.md").read_text(encoding="utf-8")
    in_code = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", page))))
    found = re.findall(r"^ *(?:def|class|property|module) (\w+)|^(\w+): ", public_api.describe_api(), re.MULTILINE)
    names = {name or other for name, other in found} - {"__iter__", "__len__"}
    assert len(names) > 60
    assert sorted(names - in_code) == []


def test_all_is_sorted_and_complete():
    assert list(runlore.__all__) == sorted(set(runlore.__all__))
    for name in runlore.__all__:
        assert getattr(runlore, name) is not None
        assert name in dir(runlore)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="strat"):
        _ = runlore.strat


def test_a_change_of_the_surface_is_seen(monkeypatch):
    def start(experiment: str, *, lr: float = 0.1) -> int: ...

    class Thing:
        """Documented."""

        def do(self) -> None: ...

    Thing.__module__ = "runlore.thing"
    fake = types.SimpleNamespace(__all__=["Thing", "start"], Thing=Thing, start=start)
    monkeypatch.setattr(public_api, "runlore", fake)
    assert public_api.describe_api().splitlines() == [
        "class Thing",
        "    def do(self) -> None",
        "def start(experiment: str, *, lr: float = 0.1) -> int",
    ]
    assert public_api.undocumented() == ["Thing.do", "start"]
