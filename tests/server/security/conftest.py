"""A server with accounts: an admin, ada who edits vision/**, bob who edits speech/**, and runs of both."""

from __future__ import annotations

import contextlib
import hashlib
from typing import NamedTuple

import httpx
import pytest
from tests.server.live import serving
from tests.server.passwords import cheap_passwords  # noqa: F401 - a fixture for all tests here

import runlore
from runlore.server.accounts.book import Book, place_of
from runlore.store import open_store

PASSWORD = "correct horse battery"


class World(NamedTuple):
    address: str
    store: str
    book: Book
    tokens: dict[str, str]
    runs: dict[str, str]
    digests: dict[str, str]

    def client(self, who=None, **more):
        headers = {} if who is None else {"authorization": f"Bearer {self.tokens[who]}"}
        return httpx.Client(base_url=self.address, timeout=30, headers=headers, **more)


@contextlib.contextmanager
def made_world(directory, **settings):
    store = open_store(directory / "store", create=True).location
    runs, digests = {}, {}
    for experiment, value in (("vision/cifar", 0.25), ("speech/digits", 0.75)):
        with runlore.start(experiment, store=store, params={f"of_{experiment[:3]}": 1}) as run:
            run.log_metric("loss", value)
            run.set_tag("secret", experiment)
            run.log_text(f"contents of {experiment}", "notes.txt")
        digests[experiment] = hashlib.sha256(f"contents of {experiment}".encode()).hexdigest()
        runs[experiment] = run.uid
    book = Book(place_of(store), create=True)
    tokens = {}
    for name, pattern, role in (
        ("root", "**", "admin"), ("ada", "vision/**", "editor"), ("bob", "speech/**", "editor"),
        ("eve", "vision/**", "viewer"), ("nobody", None, None),
    ):  # fmt: skip
        book.people.add_user(name, PASSWORD)
        if pattern is not None:
            book.people.grant(book.people.user(name), pattern, role)
        scopes = ("read", "write", "admin") if name == "root" else ("read", "write")
        tokens[name] = book.keys.make_token(book.people.user(name), "tests", scopes)[1]
    tokens["ada writes"] = book.keys.make_token(book.people.user("ada"), "a job", ["write"])[1]
    tokens["ada reads"] = book.keys.make_token(book.people.user("ada"), "a dashboard", ["read"])[1]
    with serving(store, accounts=place_of(store), **settings) as address:
        yield World(address, store, book, tokens, runs, digests)
    book.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with made_world(tmp_path_factory.mktemp("world")) as made:
        yield made
