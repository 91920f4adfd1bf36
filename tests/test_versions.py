"""Semantic versions: order, steps and queries, against the table of semver.org and the examples of the documents."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.versions import Version, next_version, select_versions

ORDERED = [
    "0.0.1", "0.1.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
    "1.0.0-alpha-b", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+build.1", "1.0.1",
    "1.2.0", "1.10.0", "2.0.0",
]  # fmt: skip


def versions(*texts):
    return [Version.parse(text) for text in texts]


def test_versions_are_ordered_by_precedence():
    assert sorted(versions(*reversed(ORDERED))) == versions(*ORDERED)


identifiers = st.one_of(
    st.integers(0, 10**12).map(str), st.from_regex(r"[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*", fullmatch=True)
)
numbers = st.integers(0, 10**17)


def precedence(text):
    """As semver.org words it, item 11."""
    text = text.partition("+")[0]
    release, _, pre = text.partition("-")
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")] if pre else []
    return [int(number) for number in release.split(".")], not pre, parts


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(st.tuples(numbers, numbers, numbers, st.lists(identifiers, max_size=3)), min_size=2, max_size=6))
def test_the_sort_key_sorts_as_semver_words_it(parts):
    texts = [f"{a}.{b}.{c}" + (f"-{'.'.join(pre)}" if pre else "") for a, b, c, pre in parts]
    assert [precedence(str(v)) for v in sorted(versions(*texts))] == sorted(map(precedence, texts))
    assert [str(Version.parse(text)) for text in texts] == texts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "01.2.3",
        "1.2.3-",
        "1.2.3-01",
        "1.2.3+",
        "1.2.3 ",
        "a.b.c",
        "1.2.3-ä",
        "\uff11.2.3",
        "1" * 500,
        "../x",
    ],
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(InvalidArgument, match="no semantic version"):
        Version.parse(text)


def test_a_version_must_be_text():
    with pytest.raises(WrongType):
        Version.parse(1.0)


@pytest.mark.parametrize(
    ("taken", "bump", "options", "expected"),
    [
        ([], "minor", {}, "0.1.0"),
        ([], "major", {}, "1.0.0"),
        ([], "patch", {}, "0.0.1"),
        ([], "pre", {}, "0.1.0-rc.1"),
        (["0.1.0"], "minor", {}, "0.2.0"),
        (["0.2.0"], "patch", {}, "0.2.1"),
        (["0.2.1"], "major", {}, "1.0.0"),
        (["1.2.3"], "minor", {"pre_tag": "alpha"}, "1.3.0-alpha"),
        (["1.2.3", "1.3.0-rc.1"], "pre", {}, "1.3.0-rc.2"),
        (["1.2.3", "1.3.0-rc.9", "1.3.0-rc.10"], "pre", {}, "1.3.0-rc.11"),
        (["1.3.0-rc.1"], "pre", {"pre_tag": "beta"}, "1.3.0-beta.1"),
        (["1.2.3", "1.3.0-rc.1"], "minor", {}, "1.3.0"),
        (["1.2.3", "2.0.0-rc.1"], "major", {}, "2.0.0"),
        (["1.2.3", "1.2.4-rc.1"], "patch", {}, "1.2.4"),
        (["1.2.3"], "build", {}, "1.2.3+build.1"),
        (["1.2.3", "1.2.3+build.1"], "build", {}, "1.2.3+build.2"),
        (["1.2.3"], "minor", {"build_tag": "sha.abc"}, "1.3.0+sha.abc"),
    ],
)
def test_the_next_version(taken, bump, options, expected):
    assert str(next_version(versions(*taken), bump, **options)) == expected


@pytest.mark.parametrize(("bump", "options"), [("big", {}), ("pre", {"pre_tag": "a b"}), ("minor", {"build_tag": ""})])
def test_an_unknown_step_or_tag_is_refused(bump, options):
    with pytest.raises(InvalidArgument):
        next_version([], bump, **options)


KNOWN = ["0.0.3", "0.0.4", "0.2.3", "0.2.9", "0.3.0", "1.0.0", "1.2.0", "1.2.3", "1.3.0", "2.0.0-rc.1", "1.2.3+b.1"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("latest", "1.3.0"), ("*", "1.3.0"), ("1", "1.3.0"), ("1.*", "1.3.0"), ("1.2", "1.2.3+b.1"),
        ("1.2.*", "1.2.3+b.1"), ("~1.2", "1.2.3+b.1"), ("~1.2.0", "1.2.3+b.1"), ("~1", "1.3.0"), ("^1.2.3", "1.3.0"),
        ("^1", "1.3.0"), ("^0.2.3", "0.2.9"), ("^0.2", "0.2.9"), ("^0.0.3", "0.0.3"),
        ("^0.0", "0.0.4"), ("^0", "0.3.0"),
        ("1.2.3", "1.2.3"), ("1.2.3+b.1", "1.2.3+b.1"), ("2.0.0-rc.1", "2.0.0-rc.1"), ("2", None), ("^1.4", None),
        ("1.2.3+b.2", None), ("0.2.3", "0.2.3"), ("v1.2", "1.2.3+b.1"),
    ],
)  # fmt: skip
def test_what_a_query_means(query, expected):
    found = select_versions(versions(*KNOWN), query)
    assert (str(found[0]) if found else None) == expected


def test_pre_releases_are_the_latest_only_where_nothing_was_released():
    assert str(select_versions(versions("1.0.0-rc.1", "1.0.0-rc.2"), "latest")[0]) == "1.0.0-rc.2"
    assert select_versions(versions("1.0.0-rc.1"), "1") == []


def test_a_build_is_found_by_its_release():
    assert [str(v) for v in select_versions(versions("1.0.0+a", "1.0.0+b"), "1.0.0")] == ["1.0.0+b", "1.0.0+a"]


@pytest.mark.parametrize("query", ["", "champion", ">=1", "1.2.3.4", "~", "^*", "1..2"])
def test_what_is_no_query_is_refused(query):
    with pytest.raises(InvalidArgument, match="no version query"):
        select_versions([], query)
