"""The one encoding: no name leaves the store, no two names share a path."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import InvalidName
from runlore.names import check_path_name, encode, encode_path, is_uid

texts = st.text(st.characters(codec=None, exclude_characters=""), max_size=60) | st.text("./%~ab\0\\", max_size=300)


@given(texts)
def test_an_encoding_is_one_harmless_component(text):
    name = encode(text)
    assert name not in ("", ".", "..")
    assert not name.startswith(".")
    assert len(os.fsencode(name)) <= 255
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.%~")
    assert not is_uid(name)


@given(texts, texts)
def test_different_names_have_different_encodings(a, b):
    assert (encode(a) == encode(b)) == (a == b)


@given(st.text(max_size=200))
def test_a_name_that_is_accepted_stays_below_its_root(name):
    try:
        check_path_name(name, "name")
    except InvalidName:
        return
    path = os.path.normpath(os.path.join("/root", encode_path(name)))
    assert path.startswith("/root/")


def test_a_uid_cannot_be_posed_as():
    assert not is_uid(encode("a" * 32))
    assert encode("a" * 32) != encode("%61" + "a" * 31)
