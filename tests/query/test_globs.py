"""Experiments by name and by glob."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.errors import InvalidArgument, WrongType
from runlore.query.globs import glob_to_regex
from runlore.query.regex import compile_pattern

NAMES = [
    "vision",
    "vision/a",
    "vision/b",
    "vision/a/x",
    "visionary",
    "nlp/a",
    "a[1]",
    "a1",
    "vision/a*b",
    "100%",
    "Ünï/é",
]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("vision", ["vision"]),
        ("vision/*", ["vision/a", "vision/b", "vision/a*b"]),
        ("vision/**", ["vision", "vision/a", "vision/b", "vision/a/x", "vision/a*b"]),
        ("vision*", ["vision", "visionary"]),
        ("vision*/**", ["vision", "vision/a", "vision/b", "vision/a/x", "visionary", "vision/a*b"]),
        ("**", NAMES),
        ("**/a", ["vision/a", "nlp/a"]),
        ("*/a", ["vision/a", "nlp/a"]),
        ("*/?", ["vision/a", "vision/b", "nlp/a", "Ünï/é"]),
        ("vision/**/x", ["vision/a/x"]),
        ("vision/**/a", ["vision/a"]),
        ("vision/[ab]", ["vision/a", "vision/b"]),
        ("vision/[!a]", ["vision/b"]),
        ("vision/[a-z]", ["vision/a", "vision/b"]),
        ("vision/a[*]b", ["vision/a*b"]),
        ("a[[]1]", ["a[1]"]),
        ("a[1]", ["a1"]),
        ("Ünï/[é]", ["Ünï/é"]),
        ("100%", ["100%"]),
        ("100_", []),
        ("[", []),
        (["nlp/a", "vision/[b]"], ["vision/b", "nlp/a"]),
        ([], []),
    ],
)
def test_globs_find_experiments(find, glob, names):
    runs = [{"experiment": name} for name in NAMES]
    assert [NAMES[i] for i in find(runs, None, experiment=glob)] == names


def test_what_is_no_glob_is_refused(find):
    for glob, error in (
        (3, WrongType),
        ([3], WrongType),
        ("[z-a]", InvalidArgument),
        ("*" + "a" * 5000, InvalidArgument),
        (["a"] * 1001, InvalidArgument),
        ([f"{i}*" for i in range(101)], InvalidArgument),
        ("a\0*", InvalidArgument),
        ("\ud800", InvalidArgument),
    ):
        with pytest.raises(error, match=r"experiment|NUL|surrogate"):
            find([{}], None, experiment=glob)


ALPHABET = st.text("ab/*?[]!-.é\\", min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(glob=st.text("ab*?.é\\", min_size=1, max_size=6), name=st.text("ab.é\\*", min_size=1, max_size=6))
def test_one_component_is_as_in_fnmatch(glob, name):
    if glob == "**":
        return
    expected = re.match(fnmatch.translate(glob), name) is not None
    assert (compile_pattern(glob_to_regex(glob)).search(name) is not None) == expected


@settings(max_examples=200, deadline=None)
@given(ALPHABET)
def test_a_name_in_brackets_finds_itself_alone(name):
    glob = "".join(f"[{c}]" if c in "*?[" else c for c in name)
    pattern = compile_pattern(glob_to_regex(glob))
    assert pattern.search(name)
    assert not pattern.search(name + "a")
    assert not pattern.search("a" + name)


@settings(max_examples=200, deadline=None)
@given(ALPHABET)
def test_any_glob_is_a_pattern_or_refused(glob):
    try:
        compile_pattern(glob_to_regex(glob))
    except InvalidArgument as error:
        assert "runs backwards" in str(error)  # noqa: PT017 - most globs raise nothing
