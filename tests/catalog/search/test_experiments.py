"""Runs of experiments, which are asked for by name and by glob."""

from __future__ import annotations

import pytest

from runlore.errors import InvalidArgument, WrongType

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
