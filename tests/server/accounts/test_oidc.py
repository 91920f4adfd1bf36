"""Signing in with a provider: the whole way by a browser, and what goes wrong on it, by accident or on purpose."""

from __future__ import annotations

import base64
import hmac
import json
import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwk, jwt
from tests.server.accounts.provider import CLIENT, SECRET, providing
from tests.server.live import serving

import runlore
from runlore.errors import InvalidArgument, NotReachable
from runlore.server.accounts import oidc
from runlore.server.accounts.book import Book, place_of
from runlore.server.accounts.oidc import Identity, ProviderSettings
from runlore.server.problems import Problem
from runlore.store import open_store


@pytest.fixture(scope="module")
def provider():
    with providing() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory, provider):
    store = open_store(tmp_path_factory.mktemp("oidc") / "store", create=True).location
    with runlore.start("vision/cifar", store=store):
        pass
    book = Book(place_of(store), create=True)
    for team in ("crew", "others", "by hand"):
        book.people.add_team(team.replace(" ", "-"))
    book.people.grant(book.people.team("crew"), "vision/**", "viewer")
    settings = {"oidc_issuer": provider.issuer, "oidc_client": CLIENT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(oidc.SECRET_VARIABLE, SECRET)
        with serving(store, accounts=place_of(store), **settings) as address:
            yield SimpleNamespace(address=address, book=book)
    book.close()


@pytest.fixture(autouse=True)
def as_it_was(provider):
    provider.user = {"sub": "kim-1", "preferred_username": "kim", "groups": ["crew"]}
    provider.changes, provider.discovery, provider.algorithm, provider.userinfo = {}, {}, "RS256", None


@pytest.fixture
def browser(server):
    with httpx.Client(base_url=server.address, timeout=30) as client:
        yield client


def to_provider(browser, after="/"):
    answer = browser.get("/sign-in/provider", params={"next": after})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def sign_in(browser, after="/"):
    """The whole way; the last answer."""
    approved = httpx.get(to_provider(browser, after))
    assert approved.status_code == 302
    return browser.get(approved.headers["location"])


def test_one_signs_in_and_is_in_the_teams_of_one_s_groups(server, browser):
    form = browser.get("/sign-in", params={"next": "/runs/x"})
    assert 'href="/sign-in/provider?next=%2Fruns%2Fx"' in form.text
    answer = sign_in(browser, "/runs/x?y=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/x?y=1")
    assert "httponly" in answer.headers["set-cookie"].lower()
    account = browser.get("/api/v1/account").json()
    assert (account["name"], account["roles"]) == ("kim", [{"path": "vision/**", "role": "viewer"}])
    assert [one["name"] for one in browser.get("/api/v1/experiments").json()["experiments"]] == ["vision/cifar"]
    said = [(entry.actor, entry.action) for entry in server.book.audit.entries()]
    assert ("kim", "user.add") in said
    assert ("kim", "sign-in") in said
    assert server.book.keys.by_password("kim", "") is None


def test_groups_that_one_is_in_no_more_are_left_and_others_stay(server, browser, provider):
    provider.user = {"sub": "lou-1", "preferred_username": "lou", "groups": ["crew", "unknown"]}
    sign_in(browser)
    server.book.people.join("by-hand", "lou")
    assert server.book.people.user("lou").teams == ("by-hand", "crew")
    provider.user["groups"] = ["others", 7]
    sign_in(browser)
    assert server.book.people.user("lou").teams == ("by-hand", "others")
    del provider.user["groups"]
    sign_in(browser)
    assert server.book.people.user("lou").teams == ("by-hand", "others"), "nothing was said of groups"
    assert [user.name for user in server.book.people.users()].count("lou") == 1


def test_who_is_let_in_no_more_is_not_let_in_by_the_provider(server, browser, provider):
    provider.user = {"sub": "max-1", "email": "max@example.com"}
    assert sign_in(browser).status_code == 303
    server.book.people.disable("max@example.com")
    with httpx.Client(base_url=server.address) as other:
        assert sign_in(other).status_code == 403
        assert other.get("/api/v1/account").status_code == 401


def test_a_name_that_somebody_has_is_not_taken_over(server, browser, provider):
    server.book.people.add_user("boss", "correct horse battery")
    provider.user = {"sub": "evil-1", "preferred_username": "boss"}
    answer = sign_in(browser)
    assert answer.status_code == 403
    assert "boss" in answer.json()["detail"]
    assert browser.get("/api/v1/account").status_code == 401
    provider.user = {"sub": "evil-2", "preferred_username": "boss/../<script>"}
    assert sign_in(browser).status_code == 303
    assert browser.get("/api/v1/account").json()["name"] == "boss-..--script-"


class FromNow(int):
    """A time, in seconds from the moment of the test."""


@pytest.mark.parametrize("changes", [
    {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": [CLIENT, "another"]}, {"azp": "another"},
    {"iss": "https://evil.example"}, {"exp": FromNow(-3600)}, {"exp": None}, {"sub": None}, {"iat": None},
    {"iat": FromNow(3600)}, {"nbf": FromNow(3600)},
], ids=str)  # fmt: skip
def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(browser, provider, changes):
    now = int(time.time())
    provider.changes = {name: now + value if isinstance(value, FromNow) else value for name, value in changes.items()}
    answer = sign_in(browser)
    assert answer.status_code == 403, answer.text
    assert browser.get("/api/v1/account").status_code == 401


@pytest.mark.parametrize("how", ["none", "HS256 with the public key", "another key", "cut"])
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(browser, provider, how, monkeypatch):
    real = provider.signed

    def forged(header, claims):
        if how == "none":
            parts = real(header, claims).split(".")
            return f"eyJhbGciOiJub25lIn0.{parts[1]}."
        if how == "cut":
            return real(header, claims)[:-8]
        if how == "another key":
            key = jwk.RSAKey.generate_key(2048, {"kid": provider.key.kid}, private=True)
            return jwt.encode(header, claims, key)
        head = _encoded(json.dumps({"alg": "HS256", "kid": provider.key.kid}).encode())
        body = f"{head}.{real(header, claims).split('.')[1]}"
        return f"{body}.{_encoded(hmac.digest(provider.key.as_pem(private=False), body.encode(), 'sha256'))}"

    monkeypatch.setattr(provider, "signed", forged)
    assert sign_in(browser).status_code == 403
    assert browser.get("/api/v1/account").status_code == 401


def _encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_provider_may_change_its_keys(browser, provider, monkeypatch):
    assert sign_in(browser).status_code == 303
    monkeypatch.setattr(oidc, "ASKED_AGAIN_S", 0.0)
    provider.new_key()
    assert sign_in(browser).status_code == 303


def test_a_sign_in_ends_in_the_browser_in_which_it_began_and_once(server, browser):
    back = httpx.get(to_provider(browser)).headers["location"]
    with httpx.Client(base_url=server.address) as victim:  # who would be signed in as the attacker
        assert victim.get(back).status_code == 403
        assert "runlore_session" not in victim.cookies
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 403


@pytest.mark.parametrize("query", ["", "?state=", "?state=x&code=y", "?code=y", "?state=x&error=access_denied"])
def test_nobody_comes_back_who_was_not_sent(browser, query):
    assert browser.get(f"/sign-in/provider/back{query}").status_code == 403
    browser.cookies.set("runlore_sign_in", "x")
    assert browser.get(f"/sign-in/provider/back{query}").status_code == 403


def test_what_the_provider_refuses_is_said(browser):
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]
    answer = browser.get("/sign-in/provider/back", params={"state": state, "error": "access_denied"})
    assert answer.status_code == 403
    assert "access_denied" in answer.json()["detail"]
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]
    answer = browser.get("/sign-in/provider/back", params={"state": state, "code": "made up"})
    assert answer.status_code == 403


@pytest.mark.parametrize("about", [
    {"issuer": "https://another.example"}, {"authorization_endpoint": "http://evil.example/"},
    {"authorization_endpoint": "javascript:alert(1)"}, {"authorization_endpoint": None},
])  # fmt: skip
def test_a_provider_that_leads_elsewhere_is_not_followed(provider, about):
    provider.discovery = about
    asked = oidc.Provider(ProviderSettings(provider.issuer, CLIENT))
    with pytest.raises(OSError, match=r"says that it is|has no authorization_endpoint"):
        asked.begin("http://127.0.0.1/back")
    asked.close()


def test_a_provider_that_is_not_there_is_said_without_a_fault_of_ours(tmp_path):
    store = open_store(tmp_path / "store", create=True).location
    Book(place_of(store), create=True).close()
    settings = {"oidc_issuer": "http://127.0.0.1:1", "oidc_client": CLIENT}
    with serving(store, accounts=place_of(store), **settings) as address:
        assert httpx.get(f"{address}/sign-in/provider").status_code == 502


@pytest.mark.parametrize("issuer", ["http://login.example.com", "login.example.com", "ftp://x", "https://", ""])
def test_a_provider_has_to_be_asked_by_https(issuer):
    with pytest.raises(InvalidArgument, match="oidc-issuer"):
        ProviderSettings(issuer, CLIENT)


def test_no_secret_of_the_sign_in_is_where_it_could_be_read(provider, browser, caplog):
    provider.asked.clear()
    caplog.set_level("DEBUG")
    sign_in(browser)
    sent = [query for _, path, query in provider.asked if path == "/authorize"][-1]
    assert "code_verifier" not in sent
    assert SECRET not in caplog.text
    form = [form for method, _, form in provider.asked if method == "POST"][-1]
    assert form["code_verifier"] not in caplog.text


# -- groups that only the userinfo endpoint tells ---------------------------------------------------------------------


@pytest.fixture
def confirmed(server, provider, monkeypatch):
    """Who a provider that is asked for its userinfo says it is, after a whole sign-in."""
    monkeypatch.setenv(oidc.SECRET_VARIABLE, SECRET)
    asking = oidc.Provider(ProviderSettings(provider.issuer, CLIENT, asks_userinfo=True))

    def sign_in_again():
        begun = asking.begin("http://127.0.0.1/back")
        query = parse_qs(urlsplit(httpx.get(begun.address).headers["location"]).query)
        return asking.finish(
            query["code"][0], verifier=begun.verifier, nonce=begun.nonce, redirect="http://127.0.0.1/back"
        )

    yield sign_in_again
    asking.close()


def test_groups_are_asked_for_where_the_token_has_none(provider, confirmed):
    del provider.user["groups"]
    provider.userinfo = {"sub": "kim-1", "groups": ["others", "crew", 7], "preferred_username": "root"}
    assert confirmed() == Identity(provider.issuer, "kim-1", "kim", ("crew", "others")), "groups, and nothing else"
    provider.userinfo = {"sub": "kim-1"}
    assert confirmed().groups is None, "it says nothing of them either"


def test_userinfo_is_not_asked_where_the_token_tells(provider, confirmed):
    provider.asked.clear()
    provider.userinfo = {"sub": "kim-1", "groups": ["others"]}
    assert confirmed().groups == ("crew",)
    assert not [path for _, path, _ in provider.asked if path == "/userinfo"]


@pytest.mark.parametrize(
    ("userinfo", "discovery", "error"),
    [
        ({"sub": "lou-1", "groups": ["crew"]}, {}, Problem),
        ({"groups": ["crew"]}, {}, Problem),
        (None, {}, NotReachable),
        ({"sub": "kim-1"}, {"userinfo_endpoint": "http://elsewhere.example/userinfo"}, NotReachable),
        ({"sub": "kim-1"}, {"userinfo_endpoint": None}, NotReachable),
    ],
    ids=["of somebody else", "of nobody", "does not answer", "without TLS", "there is none"],
)
def test_userinfo_that_is_not_right_signs_nobody_in(provider, confirmed, userinfo, discovery, error):
    del provider.user["groups"]
    provider.userinfo, provider.discovery = userinfo, discovery
    with pytest.raises(error):
        confirmed()


def test_a_server_that_is_told_so_asks_for_groups(tmp_path, provider, monkeypatch):
    monkeypatch.setenv(oidc.SECRET_VARIABLE, SECRET)
    store = open_store(tmp_path / "store", create=True).location
    book = Book(place_of(store), create=True)
    book.people.add_team("crew")
    del provider.user["groups"]
    provider.userinfo = {"sub": "kim-1", "groups": ["crew"]}
    told = {"oidc_issuer": provider.issuer, "oidc_client": CLIENT, "oidc_userinfo": True}
    with serving(store, accounts=place_of(store), **told) as address, httpx.Client(base_url=address) as browser:
        assert sign_in(browser).status_code == 303
    assert book.people.user("kim").teams == ("crew",)
    book.close()
