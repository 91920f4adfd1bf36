"""Experiments by name and by glob."""

from __future__ import annotations

import fnmatch
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.errors import InvalidArgument
from runlore.query.globs import glob_to_regex
from runlore.query.regex import compile_pattern

ALPHABET = st.text("ab/*?[]!-.é\\", min_size=1, max_size=8)


@settings(max_examples=examples(300), deadline=None)
@given(glob=st.text("ab*?.é\\", min_size=1, max_size=6), name=st.text("ab.é\\*", min_size=1, max_size=6))
def test_one_component_is_as_in_fnmatch(glob, name):
    if glob == "**":
        return
    expected = re.match(fnmatch.translate(glob), name) is not None
    assert (compile_pattern(glob_to_regex(glob)).search(name) is not None) == expected


@settings(max_examples=examples(200), deadline=None)
@given(ALPHABET)
def test_a_name_in_brackets_finds_itself_alone(name):
    glob = "".join(f"[{c}]" if c in "*?[" else c for c in name)
    pattern = compile_pattern(glob_to_regex(glob))
    assert pattern.search(name)
    assert not pattern.search(name + "a")
    assert not pattern.search("a" + name)


@settings(max_examples=examples(200), deadline=None)
@given(ALPHABET)
def test_any_glob_is_a_pattern_or_refused(glob):
    try:
        compile_pattern(glob_to_regex(glob))
    except InvalidArgument as error:
        assert "runs backwards" in str(error)  # noqa: PT017 - most globs raise nothing
