"""Users, teams, roles, tokens: what is kept of them, and what is not."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

import pytest

from runlore.errors import AlreadyExists, InvalidArgument, NotAllowed, NotFound
from runlore.server.accounts import audit, keys, throttle
from runlore.server.accounts.book import Book
from runlore.server.caller import Caller, Grant

PASSWORD = "correct horse battery"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "accounts.sqlite")


@pytest.fixture
def book(path):
    opened = Book(path, create=True)
    yield opened
    opened.close()


def test_its_owner_alone_reads_the_file(book, path):
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_the_layout_is_brought_up_to_date_once(book, path):
    book.people.add_user("ada", PASSWORD)
    Book(path, create=True).close()
    assert [user.name for user in book.people.users()] == ["ada"]


def test_there_have_to_be_accounts(tmp_path):
    with pytest.raises(NotFound, match="no accounts in"):
        Book(str(tmp_path / "none.sqlite"))


@pytest.mark.parametrize("address", ["mysql://host/x", "://"])
def test_an_address_of_no_database_is_refused(address):
    with pytest.raises(InvalidArgument):
        Book(address, create=True)


def test_the_first_admin_is_made_once(book):
    name, password = book.people.first_admin()
    assert len(password) >= 24
    assert book.keys.by_password(name, password).may_everywhere("admin")
    assert book.people.first_admin() is None


def test_no_secret_is_in_the_file(book, path):
    book.people.add_user("ada", PASSWORD)
    user = book.people.user("ada")
    _, token = book.keys.make_token(user, "laptop")
    session = book.keys.begin_session(book.keys.by_password("ada", PASSWORD))
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    for secret in (PASSWORD, token, token.split("_", 2)[2], session):
        assert secret not in dump
    assert "$argon2id$" in dump


def test_passwords(book):
    book.people.add_user("ada", PASSWORD)
    assert book.keys.by_password("ada", PASSWORD).name == "ada"
    assert book.keys.by_password("ada", PASSWORD + " ") is None
    assert book.keys.by_password("bob", PASSWORD) is None
    book.people.set_password("ada", "another good one")
    assert book.keys.by_password("ada", PASSWORD) is None, "one that was right before is remembered"
    with pytest.raises(InvalidArgument, match="12 to") as said:
        book.people.set_password("ada", "short")
    assert "short" not in str(said.value)


def test_a_password_is_kept_as_the_standard_asks(book, path, real_passwords):
    book.people.add_user("ada", PASSWORD)
    with closing(sqlite3.connect(path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in dump, "RFC 9106, its second choice"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(book, real_passwords):
    book.people.add_user("ada", PASSWORD)

    def least_s(name):
        book.keys.by_password(name, "wrong")
        times = []
        for _ in range(5):
            begun = time.process_time()
            book.keys.by_password(name, "wrong")
            times.append(time.process_time() - begun)
        return min(times)

    assert least_s("nobody") > least_s("ada") / 2


def test_a_service_has_no_password(book):
    book.people.add_user("trainer", is_service=True)
    assert book.keys.by_password("trainer", "") is None
    with pytest.raises(InvalidArgument, match="service"):
        book.people.set_password("trainer", PASSWORD)


def test_tokens(book, monkeypatch):
    book.people.add_user("ada", PASSWORD)
    user = book.people.user("ada")
    made, text = book.keys.make_token(user, "cluster", ["write"], days=1)
    assert book.keys.tokens()[0].used_s is None
    assert book.keys.by_token(text).scopes == {"write"}
    assert book.keys.tokens("ada")[0].used_s == pytest.approx(time.time(), abs=5)
    for wrong in (text[:-1], text + "A", text.replace(made.id, "0" * 16), "", "rlt__"):
        assert book.keys.by_token(wrong) is None
    monkeypatch.setattr(keys, "time", lambda: time.time() + 86_401)
    assert book.keys.by_token(text) is None
    monkeypatch.undo()
    book.people.disable("ada")
    assert book.keys.by_token(text) is None
    book.people.disable("ada", disabled=False)
    assert book.keys.by_token(text) is not None
    book.keys.revoke(made.id)
    assert book.keys.by_token(text) is None
    with pytest.raises(NotFound):
        book.keys.revoke(made.id)


def test_a_token_is_revoked_by_its_owner_alone(book):
    book.people.add_user("ada", PASSWORD)
    book.people.add_user("bob", PASSWORD)
    made, _ = book.keys.make_token(book.people.user("ada"), "laptop")
    with pytest.raises(NotFound):
        book.keys.revoke(made.id, "bob")
    book.keys.revoke(made.id, "ada")


@pytest.mark.parametrize(
    ("scopes", "name", "days"), [(["root"], "x", None), ([], "x", None), (["read"], "", None), (["read"], "x", -1)]
)
def test_what_no_token_can_be(book, scopes, name, days):
    book.people.add_user("ada")
    with pytest.raises(InvalidArgument):
        book.keys.make_token(book.people.user("ada"), name, scopes, days)
    assert book.keys.tokens() == []


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\nb", "x" * 101, "<b>", "a/b", "\u202e"])
def test_names_that_would_be_trouble_are_refused(book, name):
    with pytest.raises(InvalidArgument, match="name="):
        book.people.add_user(name)
    assert book.people.users() == []


def test_a_name_is_there_once(book):
    book.people.add_user("ada")
    with pytest.raises(AlreadyExists):
        book.people.add_user("ada")


def test_roles_come_from_the_user_and_its_teams(book):
    book.people.add_user("ada")
    book.people.add_team("vision")
    book.people.grant(book.people.team("vision"), "vision/**", "editor")
    book.people.grant(book.people.user("ada"), "speech/**", "viewer")
    assert book.people.grants_of(book.people.user("ada").id) == (Grant("speech/**", "viewer"),)
    book.people.join("vision", "ada")
    book.people.join("vision", "ada")
    assert set(book.people.grants_of(book.people.user("ada").id)) == {
        Grant("speech/**", "viewer"), Grant("vision/**", "editor"),
    }  # fmt: skip
    book.people.join("vision", "ada", member=False)
    assert book.people.grants_of(book.people.user("ada").id) == (Grant("speech/**", "viewer"),)
    book.people.grant(book.people.user("ada"), "speech/**", "admin")
    assert book.people.user("ada").grants == (Grant("speech/**", "admin"),)
    book.people.grant(book.people.user("ada"), "speech/**", None)
    assert book.people.user("ada").grants == ()


@pytest.mark.parametrize(("pattern", "role"), [("a", "boss"), ("", "viewer"), ("[z-a]", "viewer"), ("../x", "viewer")])
def test_roles_that_there_cannot_be(book, pattern, role):
    book.people.add_user("ada")
    with pytest.raises(InvalidArgument):
        book.people.grant(book.people.user("ada"), pattern, role)
    assert book.people.user("ada").grants == ()


def test_the_last_admin_stays(book):
    book.people.first_admin()
    for leave in (book.people.disable, book.people.remove_user):
        with pytest.raises(NotAllowed, match="last admin"):
            leave("admin")
    book.people.add_user("ada")
    book.people.grant(book.people.user("ada"), "**", "admin")
    book.people.remove_user("admin")
    assert [user.name for user in book.people.users()] == ["ada"]


def test_who_is_removed_takes_tokens_and_sessions_along(book, path):
    book.people.add_user("ada", PASSWORD)
    _, token = book.keys.make_token(book.people.user("ada"), "laptop")
    session = book.keys.begin_session(book.keys.by_password("ada", PASSWORD))
    assert book.keys.by_session(session).name == "ada"
    book.people.remove_user("ada")
    assert book.keys.by_session(session) is None
    assert book.keys.by_token(token) is None


def test_a_session_ends_by_itself_and_with_the_password(book, monkeypatch):
    book.people.add_user("ada", PASSWORD)
    session = book.keys.begin_session(book.keys.by_password("ada", PASSWORD))
    monkeypatch.setattr(keys, "time", lambda: time.time() + keys.SESSION_S + 1)
    assert book.keys.by_session(session) is None
    monkeypatch.undo()
    assert book.keys.by_session(session) is not None
    book.people.set_password("ada", PASSWORD + "!")
    assert book.keys.by_session(session) is None


def test_what_a_caller_may():
    caller = Caller("ada", (Grant("vision/**", "editor"), Grant("**", "viewer"), Grant("mine", "admin")))
    assert caller.may_everywhere("read")
    assert not caller.may_everywhere("write")
    assert caller.may("write", "vision/cifar/resnet")
    assert not caller.may("write", "visionary")
    assert not caller.may("admin", "vision/cifar")
    assert caller.may("admin", "mine")
    assert Caller("job", (Grant("**", "admin"),), frozenset({"write"})).may("write", "x")
    assert not Caller("job", (Grant("**", "admin"),), frozenset({"write"})).may("read", "x")


def test_the_audit_log_is_read_in_order_and_holds_one_line_each(book, monkeypatch):
    monkeypatch.setattr(audit, "_AT_ONCE", 10)
    for number in range(25):
        book.audit.add("ada", "user.add", f"x{number}\nfake line", number=number)
    entries = list(book.audit.entries())
    assert [entry.detail["number"] for entry in entries] == list(range(25))
    assert all("\n" not in entry.target for entry in entries)
    assert [entry.id for entry in book.audit.entries(after=3, limit=12)] == list(range(4, 16))


def test_guessing_is_slowed_down_for_all_workers_together(book, path):
    others = Book(path)
    for number in range(10):
        assert book.throttle.wait_s("ada", "1.2.3.4") == 0
        (book if number % 2 else others).throttle.failed("ada", "1.2.3.4")
    for one in (book, others):
        assert 290 < one.throttle.wait_s("ada", "1.2.3.4") <= 300
        assert one.throttle.wait_s("ada", "5.6.7.8") == 0
        assert one.throttle.wait_s("bob", "1.2.3.4") == 0
    others.close()


def test_a_name_that_is_tried_from_everywhere_waits_everywhere(book):
    for number in range(100):
        assert book.throttle.wait_s("ada", "9.9.9.9") == 0
        book.throttle.failed("ada", f"1.2.3.{number}")
    assert book.throttle.wait_s("ada", "9.9.9.9") > 0


def test_what_failed_long_ago_is_forgotten(book, monkeypatch):
    for _ in range(10):
        book.throttle.failed("ada", "1.2.3.4")
    now = time.time()
    monkeypatch.setattr(throttle, "time", lambda: now + 301)
    assert book.throttle.wait_s("ada", "1.2.3.4") == 0
    monkeypatch.setattr(throttle, "time", lambda: now - 86_400)  # the clock was put back
    assert book.throttle.wait_s("ada", "1.2.3.4") <= 300


@pytest.mark.parametrize("name", ["", "\0", "a\0b", "\ud800", "x" * 100_000, "a b"])
def test_names_that_nobody_can_have_are_wrong_like_others(book, name):
    assert book.keys.by_password(name, PASSWORD) is None
    book.throttle.failed(name, "1.2.3.4")
    assert book.throttle.wait_s(name, "1.2.3.4") == 0
    book.audit.add(name, "sign-in refused")
