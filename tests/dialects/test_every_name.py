"""The tables "Every name" of the guides: what they call there is there, and what they call absent says what to use."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from runlore import dialects

GUIDES = Path(__file__).parents[2] / "docs" / "how-to"
WORDS = ("same", "differs", "absent")


class Row(NamedTuple):
    dialect: str
    owner: str
    name: str
    here: str
    how: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


def rows(dialect: str) -> list[Row]:
    """A row a name; a line of a table has an owner, a colon, and the names that it has."""
    text = (GUIDES / f"{dialect}.md").read_text("utf-8")
    section = text.partition("\n## Every name\n")[2].partition("\n## ")[0]
    found = []
    for line in section.splitlines():
        if not line.startswith("| `"):
            continue
        names, here, how = (cell.strip() for cell in line.strip("|").split(" | "))
        owner, colon, rest = names.partition(":")
        assert colon, line
        found += [Row(dialect, owner.strip("` "), name, here, how) for name in re.findall(r"`([\w.]+)`", rest)]
    return found


EVERY = [row for dialect in dialects.available() for row in rows(dialect)]


def test_every_guide_has_its_table():
    assert {row.dialect for row in EVERY} == set(dialects.available())
    assert {row.here for row in EVERY} == set(WORDS)
    twice = [str(row) for row in EVERY if [str(other) for other in EVERY].count(str(row)) > 1]
    assert twice == []


def test_a_difference_or_absence_is_explained():
    assert [str(row) for row in EVERY if row.here != "same" and not row.how] == []


@pytest.fixture
def speaks():
    yield lambda row: dialects.install(row.dialect)
    dialects.uninstall()


def find(path: str) -> object:
    """A module, or what is in one."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        owner, _, name = path.rpartition(".")
        if not owner:
            raise
        return getattr(find(owner), name)


def ask(row: Row) -> object:
    """The name as an attribute, else as a module of its own."""
    try:
        return getattr(find(row.owner), row.name)
    except AttributeError as error:
        if "not part of" in str(error):
            raise
        return import_module(str(row))


@pytest.mark.parametrize("row", [row for row in EVERY if row.here != "absent"], ids=str)
def test_a_name_is_there(row, speaks):
    speaks(row)
    ask(row)


@pytest.mark.parametrize("row", [row for row in EVERY if row.here == "absent"], ids=str)
def test_an_absent_name_says_what_to_use(row, speaks):
    speaks(row)
    with pytest.raises((AttributeError, ImportError), match="not part of") as refused:
        ask(row)
    used = re.findall(r"`([^`]+)`", row.how)
    assert used, f"{row}: the guide does not say what to use"
    assert any(word in str(refused.value) for word in used), f"{refused.value} names none of {used}"
