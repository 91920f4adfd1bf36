"""`user`, `team`, `token`, `audit`: the accounts of a server from a terminal."""

from __future__ import annotations

import json
import re
import socket

import pytest
from tests.server.passwords import cheap_passwords  # noqa: F401 - a fixture for all tests here

from runlore.server.accounts.book import Book, place_of


@pytest.fixture
def book(store, cli):
    cli("user", "add", "ada")
    opened = Book(place_of(store))
    yield opened
    opened.close()


def test_a_user_gets_a_password_that_works_and_is_shown_once(cli, book):
    printed = cli("user", "add", "bob").out
    password = re.search(r"password (\S+)", printed)[1]
    assert book.keys.by_password("bob", password).name == "bob"
    assert password not in cli("user", "list").out + cli("audit").out


def test_roles_by_user_and_team(cli, book):
    cli("user", "role", "ada", "vision/**", "viewer")
    cli("team", "add", "crew")
    cli("team", "join", "crew", "ada")
    cli("team", "role", "crew", "speech/**", "editor")
    assert json.loads(cli("user", "list", "--json").out)["users"][0] == {
        "name": "ada", "is_service": False, "is_disabled": False, "teams": ["crew"],
        "roles": [{"path": "vision/**", "role": "viewer"}],
    }  # fmt: skip
    assert json.loads(cli("team", "list", "--json").out)["teams"][0]["members"] == ["ada"]
    cli("user", "role", "ada", "vision/**", "none")
    cli("team", "leave", "crew", "ada")
    assert book.people.grants_of(book.people.user("ada").id) == ()


def test_tokens(cli, book):
    token = cli("token", "create", "ada", "--name", "cluster", "--scope", "write", "--days", "3").out.strip()
    assert book.keys.by_token(token).scopes == {"write"}
    listed = json.loads(cli("token", "list", "--json").out)["tokens"][0]
    assert listed["name"] == "cluster"
    assert listed["used"] is not None
    assert token not in cli("token", "list").out
    told = cli("token", "revoke", token, code=2).err
    assert token not in told, "a token that was given by mistake is not repeated"
    cli("token", "revoke", listed["id"])
    assert book.keys.by_token(token) is None


def test_quotas_are_set_shown_and_taken_away(cli, book):
    cli("team", "add", "crew")
    cli("team", "quota", "crew", "--bytes", "1.5GB")
    cli("team", "quota", "crew", "--runs", "10")
    book.quotas.measured("crew", used_bytes=300_000_000, used_runs=3)
    assert json.loads(cli("team", "list", "--json").out)["teams"][0]["quota"] == {
        "most_bytes": 1_500_000_000, "most_runs": 10, "used_bytes": 300_000_000, "used_runs": 3,
    }  # fmt: skip
    assert "300.0 MB of 1.5 GB, 3 of 10 runs" in cli("team", "list").out
    assert json.loads(cli("team", "quota", "crew", "--bytes", "none", "--json").out)["most_bytes"] is None
    assert "team.quota" in cli("audit").out


def test_rules_of_retention(cli, book):
    made = json.loads(cli("retention", "add", "scratch/**", "trash", "--days", "30", "--json").out)
    assert [(rule.pattern, rule.action, rule.days) for rule in book.rules.all()] == [("scratch/**", "trash", 30)]
    assert "scratch/**" in cli("retention", "list").out
    assert json.loads(cli("retention", "list", "--json").out)["rules"] == [made]
    cli("retention", "remove", made["id"])
    assert book.rules.all() == []
    assert "retention.remove" in cli("audit").out


def test_what_was_done_is_a_line_each(cli, book):
    cli("user", "disable", "ada")
    cli("user", "disable", "ada", "--undo")
    lines = [json.loads(line) for line in cli("audit", "--json").out.splitlines()]
    assert [line["action"] for line in lines] == ["user.add", "user.disable", "user.enable"]
    assert len(cli("audit", "--after", "2").out.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add", "ada"), ("user", "add", "a b"), ("user", "role", "ada", "x", "boss"), ("user", "remove", "bob"),
        ("team", "join", "none", "ada"), ("token", "create", "bob"), ("token", "revoke", "none"),
        ("token", "create", "ada", "--days", "-1"), ("user", "list", "--accounts", "mysql://x/y"),
        ("team", "quota", "none", "--runs", "1"), ("team", "quota", "ada"), ("retention", "remove", "7"),
        ("retention", "add", "x", "trash", "--days", "0"), ("retention", "add", "x", "empty", "--days", "1"),
        ("team", "quota", "ada", "--bytes", "much"), ("server", "--host", "0.0.0.0"), ("server", "--host", "::"),
        ("server", "--rate-limit", "5"), ("server", "--accounts", "--rate-limit", "0"),
        ("server", "--oidc-issuer", "https://x.example"), ("server", "--ssl-keyfile", "x.key"),
        ("server", "--accounts", "--oidc-issuer", "http://x.example", "--oidc-client", "x"),
        ("server", "--accounts", "--oidc-issuer", "https://x.example"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(call, book, arguments):
    printed = call(*arguments)
    assert printed.code != 0
    assert len(printed.err.strip().splitlines()) == 1
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "0.0.0.0"), ("--rate-limit", "5"), ("--ssl-keyfile", "x.key"), ("--ssl-certfile", "none.pem"),
        ("--accounts", "--rate-limit", "0"), ("--accounts", "--oidc-issuer", "http://x.example", "--oidc-client", "x"),
        ("--host", "no.such.address.invalid", "--accounts"), ("--base-path", "x"), ("--port", "70000"),
    ],
)  # fmt: skip
def test_a_server_that_is_refused_makes_nothing(call, tmp_path, arguments):
    printed = call("server", "--store", str(tmp_path / "new" / "store"), *arguments)
    assert printed.code != 0
    assert len(printed.err.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_server_whose_port_is_taken_makes_nothing(call, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert call("server", "--accounts", "--port", port, "--store", str(tmp_path / "new")).code == 1
    assert not (tmp_path / "new").exists()
