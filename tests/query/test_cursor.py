"""Page cursors: opaque, checked, and never SQL."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.errors import InvalidArgument, WrongType
from runlore.query import cursor
from runlore.query.cursor import Position, decode, encode, fingerprint

UID = "0190000000007000800000000000000a"
KEY = fingerprint("query")


@settings(deadline=None)
@given(
    st.floats(allow_nan=False),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.frozensets(st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}"), max_size=4),
)
def test_what_goes_in_comes_out(real, whole, text, uids):
    position = Position((real, whole, text), 7, uids, frozenset({UID}))
    assert decode(encode(position, KEY), KEY, (float, int, str)) == position


def test_a_changed_token_is_refused():
    token = encode(Position((1.5, UID), 7), KEY)
    for index, character in enumerate(token):
        other = "A" if character != "A" else "B"
        changed = token[:index] + other + token[index + 1 :]
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if base64.urlsafe_b64decode(changed + "=" * (-len(changed) % 4)) == data:
            continue  # the last character carries bits that mean nothing
        with pytest.raises(InvalidArgument, match="start again"):
            decode(changed, KEY, (float, str))
    for damaged in ("", token[:-1], token + "A", token[1:], "x", "é", "%00", "A" * 600_000, "=" * 10, "' OR 1=1 --"):
        with pytest.raises(InvalidArgument, match="start again"):
            decode(damaged, KEY, (float, str))
    for value in (3, b"x", [token]):
        with pytest.raises(WrongType, match="cursor="):
            decode(value, KEY, (float, str))


def test_a_token_of_another_query_is_refused():
    token = encode(Position((1.5,), 7), KEY)
    with pytest.raises(InvalidArgument, match="not one of this query"):
        decode(token, fingerprint("another"), (float,))


def forge(content):
    """A token with a right checksum and any contents."""
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return base64.urlsafe_b64encode(cursor._checksum(content, KEY) + content).decode().rstrip("=")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        None,
        {},
        [],
        [[], 0, "", ""],
        [["1"], 0, "", ""],
        [[1], 0, "", ""],
        [[True], 0, "", ""],
        [[math.nan], 0, "", ""],
        [[1.5], "now", "", ""],
        [[1.5], 2**63, "", ""],
        [[1.5], 0, "!", ""],
        [[1.5], 0, "QUJD", ""],
        [[1.5], 0, [], ""],
        [[1.5], 0, "", None],
        [[1.5, 2.5], 0, "", ""],
        [{"a": 1}, 0, "", ""],
    ],
)
def test_forged_contents_are_refused(content):
    with pytest.raises(InvalidArgument, match="start again"):
        decode(forge(content), KEY, (float,))


def test_forged_text_that_cannot_be_stored_is_refused():
    for text in ("a\0", "\ud800"):
        with pytest.raises(InvalidArgument):
            decode(forge([[text], 0, "", ""]), KEY, (str,))
