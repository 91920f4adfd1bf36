"""The reference of the language tells the truth: its examples are queries, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runlore.catalog.search.page import MAX_LIVE
from runlore.index.base import DEFAULT_TIME_LIMIT_S
from runlore.query import ATTRIBUTES, Clock, attribute, parse
from runlore.query.checks import MAX_TIMES, check_expression
from runlore.query.expression import MAX_DEPTH, MAX_TERMS, MAX_VALUES
from runlore.query.grammar import MAX_LENGTH
from runlore.query.ordering import MAX_KEYS
from runlore.query.regex import MAX_PATTERN_LENGTH

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "reference" / "query-language.md").read_text("utf-8")
EXAMPLES = [
    line for block in re.findall(r"^```query\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_query(example):
    check_expression(parse(example), Clock())


def test_there_are_examples():
    assert len(EXAMPLES) >= 10


def test_every_attribute_is_described_with_its_aliases():
    table = TEXT.partition("### Attributes")[2].partition("\n## ")[0]
    rows = {row[0]: row[2] for row in re.findall(r"^\| `(\w+)` \|(.*)\|(.*)\|$", table, re.MULTILINE)}
    assert list(rows) == list(ATTRIBUTES)
    for name, aliases in rows.items():
        assert tuple(re.findall(r"`(\w+)`", aliases)) == ATTRIBUTES[name].aliases
        for alias in ATTRIBUTES[name].aliases:
            assert attribute(alias).name == name


def test_the_limits_are_those_of_the_code():
    table = TEXT.partition("## Limits")[2].partition("\n## ")[0]
    limits = [int(number.replace(",", "")) for number in re.findall(r"\| ([\d,]+)", table)]
    expected = [MAX_LENGTH, MAX_TERMS, MAX_DEPTH, MAX_VALUES, MAX_TIMES, MAX_PATTERN_LENGTH, DEFAULT_TIME_LIMIT_S]
    assert limits == expected
    assert f"at most {MAX_KEYS}." in TEXT
    assert f"up to {MAX_LIVE:,} runs" in TEXT
