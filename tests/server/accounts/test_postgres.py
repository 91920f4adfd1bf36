"""The accounts in PostgreSQL, as servers on several machines share them."""

from __future__ import annotations

import pytest
from tests.catalog.conftest import postgres_address  # noqa: F401 - a fixture

from runlore.errors import AlreadyExists, NotAllowed
from runlore.index.records import HolderRecord
from runlore.server.accounts.book import Book
from runlore.server.accounts.oidc import Begun, Identity
from runlore.server.caller import Grant

PASSWORD = "correct horse battery"


def test_two_servers_share_them(postgres_address):  # noqa: F811 - the fixture
    first, second = Book(postgres_address, create=True), Book(postgres_address, create=True)
    name, password = first.people.first_admin()
    assert second.people.first_admin() is None
    assert second.keys.by_password(name, password).may_everywhere("admin")
    first.people.add_user("ada", PASSWORD)
    first.people.add_team("crew")
    first.people.join("crew", "ada")
    first.people.grant(first.people.team("crew"), "vision/**", "editor")
    user = second.people.user("ada")
    made, token = first.keys.make_token(user, "cluster", ["write"], days=1)
    session = first.keys.begin_session(first.keys.by_password("ada", PASSWORD))
    caller = second.keys.by_token(token)
    assert (caller.name, caller.grants) == ("ada", (Grant("vision/**", "editor"),))
    assert second.keys.by_session(session).name == "ada"
    second.keys.revoke(made.id)
    assert first.keys.by_token(token) is None
    first.audit.add("ada", "sign-in", client="::1", count=1)
    assert [entry.detail for entry in second.audit.entries()] == [{"count": 1}]
    for _ in range(10):
        first.throttle.failed("\0ada", "::1")
    assert second.throttle.wait_s("\0ada", "::1") > 0
    assert second.keys.by_password("\0ada", PASSWORD) is None
    held = [HolderRecord("a" * 64, "run", "0" * 32), HolderRecord("b" * 64, "run", "0" * 32)]
    for _ in range(2):
        first.proofs.refer(user.id, "0" * 32, known=[], unknown=["a" * 64])
    assert second.proofs.undoubted(held) == held[1:]
    for _ in range(2):
        first.proofs.show(user.id, "a" * 64)
    assert second.proofs.shown(user.id, ["a" * 64, "b" * 64]) == {"a" * 64}
    assert second.proofs.undoubted(held) == held
    first.quotas.set("crew", most_bytes=1 << 40, most_runs=2)
    second.quotas.check("vision/x", runs=2)
    with pytest.raises(NotAllowed, match="2 of 2 runs"):
        first.quotas.check("vision/x")
    rule = first.rules.add("scratch/**", "trash", 30)
    with pytest.raises(AlreadyExists):
        second.rules.add("scratch/**", "trash", 7)
    assert second.rules.all() == [rule]
    assert [book.rules.lease("retention", "x", 60) for book in (first, second)] == [True, False]
    kim = Identity("https://login.example", "kim-1", "kim", ("crew",))
    assert first.identities.caller_of(kim)[1]
    caller, is_new = second.identities.caller_of(kim)
    assert (caller.name, is_new, caller.may("write", "vision/x")) == ("kim", False, True)
    first.identities.remember(Begun("state", "nonce", "verifier", "x"), "https://here/back", "/")
    assert second.identities.recall("state").verifier == "verifier"
    assert first.identities.recall("state") is None
    first.people.remove_user("kim")
    second.people.remove_user("ada")
    assert first.keys.by_session(session) is None
    assert [user.name for user in first.people.users()] == ["admin"]
    first.close()
    second.close()
