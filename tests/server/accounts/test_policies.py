"""Quotas, limits of rate, and rules of retention: on the running server, and as workers share them."""

from __future__ import annotations

import time
import zlib
from contextlib import ExitStack, closing
from types import SimpleNamespace

import httpx
import psutil
import pytest
from tests.server.security.conftest import made_world
from tests.server.security.test_attacks import contract
from tests.server.security.test_sending import Sender, put_content, refresh
from tests.server.test_serving import started

import runlore
from runlore import registry
from runlore.errors import AlreadyExists, InvalidArgument, NotFound
from runlore.housekeeping.rules import drop_old, trash_old
from runlore.housekeeping.usage import usage
from runlore.model import START, new_uid
from runlore.reader.session import Session
from runlore.server.accounts import rates
from runlore.server.accounts.book import Book, place_of
from runlore.server.accounts.keeper import Keeper
from runlore.server.accounts.rates import Rates
from runlore.server.caller import Caller
from runlore.server.problems import Problem
from runlore.store import open_store

DAY_S = 86_400


# -- quotas -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A world whose team `crew` edits vision/**, where there is what is measured."""
    with made_world(tmp_path_factory.mktemp("quotas")) as world:
        people = world.book.people
        people.add_team("crew")
        people.grant(people.team("crew"), "vision/**", "editor")
        people.grant(people.team("crew"), "speech/**", "viewer")
        yield world


@pytest.fixture
def limit(crowded, monkeypatch):
    """Gives the team a quota, measured at once; there is none after the test."""
    monkeypatch.setattr("runlore.server.accounts.quotas.KEPT_S", 0.0)
    keeper = Keeper(crowded.book, Session(crowded.store))

    def give(**most):
        crowded.book.quotas.set("crew", **{"most_bytes": None, "most_runs": None, **most})
        keeper.measure()

    yield give
    crowded.book.quotas.set("crew", most_bytes=None, most_runs=None)


def new_runs(client, folder, experiment):
    """Whether a run can be made, by each way that there is."""
    body = f'{{"experiment":"{experiment}","uid":"{new_uid()}"}}'
    answers = [
        client.post("/api/v1/send/runs", json={"experiment": experiment, "uid": new_uid()}),
        contract(client, "store/create_run", body.encode()),
    ]
    named = client.post("/api/2.0/mlflow/experiments/get-by-name", json={"experiment_name": experiment})
    listed = client.get("/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": experiment})
    number = (listed if listed.is_success else named).json()["experiment"]["experiment_id"]
    answers.append(client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": number}))
    return [answer.status_code for answer in answers], answers[0]


def test_no_run_is_made_beyond_the_quota(crowded, limit, tmp_path):
    limit(most_runs=1)
    with crowded.client("ada") as ada, crowded.client("bob") as bob, crowded.client("root") as root:
        statuses, answer = new_runs(ada, tmp_path, "vision/cifar")
        assert statuses == [403, 403, 403]
        assert "quota" in answer.json()["detail"]
        assert "'crew'" in answer.json()["detail"]
        assert new_runs(bob, tmp_path, "speech/digits")[0] == [200, 200, 200], "a viewer's role is no quota's matter"
        limit(most_runs=2)
        known = ada.post("/api/v1/send/runs", json={"experiment": "vision/cifar", "uid": crowded.runs["vision/cifar"]})
        assert known.status_code == 200, "a run that is there already is none more"
        made = [ada.post("/api/v1/send/runs", json={"experiment": "vision/cifar", "uid": new_uid()}) for _ in range(3)]
        assert [one.status_code for one in made] == [200, 403, 403], "what is made is counted at once"
        assert root.post("/api/v1/send/runs", json={"experiment": "vision/cifar", "uid": new_uid()}).status_code == 200


def test_nothing_is_taken_beyond_the_quota_and_what_was_sent_stays(crowded, limit, tmp_path):
    with crowded.client("ada") as ada:
        sender = Sender(ada, tmp_path, "vision/cifar")
        sender.journal.event(START, "start", {"experiment": "vision/cifar"})
        sender.journal.scalar("loss", 0.5, 1)
        content = sender.content()
        assert sender.put(content[:-32]).status_code == 200
        limit(most_bytes=10)
        assert sender.put(content[-32:], len(content) - 32).status_code == 403
        assert put_content(ada, b"an artifact").status_code == 403
        one = f"/api/2.0/mlflow-artifacts/artifacts/0/{crowded.runs['vision/cifar']}/artifacts/x.txt"
        assert ada.put(one, content=b"x").status_code == 403
        with crowded.client("bob") as bob:
            assert put_content(bob, b"an artifact").status_code == 200
        limit(most_bytes=1 << 40)
        assert sender.put(content[-32:], len(content) - 32).status_code == 200
        check = {"size": len(content), "crc32": zlib.crc32(content[64:]), "beginning": content[:64].hex()}
        done = ada.post(f"/api/v1/send/runs/{sender.uid}/journals/{sender.journal.writer}/end", json=check,
                        params={"experiment": "vision/cifar"})  # fmt: skip
        assert done.status_code == 200, done.text


def test_admins_give_quotas_and_see_what_is_used(crowded, limit):
    with crowded.client("root") as root, crowded.client("ada") as ada:
        assert root.put("/api/v1/accounts/teams/crew/quota", json={"bytes": 10**12}).status_code == 204
        limit(most_bytes=10**12)
        (crew,) = root.get("/api/v1/accounts/teams").json()["teams"]
        refresh(crowded)
        runs, size = usage(Session(crowded.store).refresh(), "vision/**")
        assert crew["quota"] == {"most_bytes": 10**12, "most_runs": None, "used_bytes": size, "used_runs": runs}
        assert size > 1000
        assert root.put("/api/v1/accounts/teams/crew/quota", json={"bytes": -1}).status_code == 400
        assert root.put("/api/v1/accounts/teams/none/quota", json={"bytes": 1}).status_code == 404
        assert ada.put("/api/v1/accounts/teams/crew/quota", json={}).status_code == 403


# -- rates ------------------------------------------------------------------------------------------------------------


def test_a_token_sends_so_many_requests_and_others_go_on(tmp_path):
    with made_world(tmp_path, rate_limit=0.5) as world, world.client("ada") as ada, world.client("bob") as bob:
        statuses = [ada.get("/api/v1/account").status_code for _ in range(9)]
        assert statuses[:5] == [200] * 5
        assert statuses[-1] == 429
        answer = ada.get("/api/v1/experiments")
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 2
        assert bob.get("/api/v1/account").status_code == 200
        assert ada.get("/health").status_code == 200
        with world.client("ada writes") as other:
            assert other.get("/api/v1/account").status_code == 200, "each token has its own"


def test_what_was_not_sent_may_be_sent_later(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(rates, "monotonic", lambda: now)
    caller = Caller("ada", token="x")
    with closing(Rates(2.0)) as limited:
        for _ in range(20):
            limited.take(caller)
        with pytest.raises(Problem) as error:
            limited.take(caller)
        assert (error.value.status, error.value.headers) == (429, {"retry-after": "1"})
        now += 1.0
        limited.take(caller)
        limited.take(caller)
        with pytest.raises(Problem):
            limited.take(caller)
    Rates(None).take(caller)


def test_workers_count_together(tmp_path):
    with made_world(tmp_path) as world, ExitStack() as opened:
        arguments = ("--store", world.store, "--accounts", place_of(world.store), "--port", 0, "--workers", 2)
        process, address = opened.enter_context(started("server", *arguments, "--rate-limit", "0.5"))
        shown = {"authorization": f"Bearer {world.tokens['ada']}"}
        clients = []
        while not answering(process) or len(clients) < 16:
            clients.append(opened.enter_context(httpx.Client(base_url=address, timeout=30)))
            assert clients[-1].get("/health").status_code == 200
        begun = time.monotonic()
        statuses = [client.get("/api/v1/account", headers=shown).status_code for client in clients]
        passed = 5 + 0.5 * (time.monotonic() - begun)
        assert set(statuses) == {200, 429}
        assert 5 <= statuses.count(200) <= passed, "not once as many for each worker"
        for worker in psutil.Process(process.pid).children():
            worker.kill()
        with httpx.Client(base_url=address, timeout=30, transport=httpx.HTTPTransport(retries=5)) as client:
            assert client.get("/health").status_code == 200
            most = 5 + 0.5 * (time.monotonic() - begun) - statuses.count(200)
            more = [client.get("/api/v1/account", headers=shown).status_code for _ in range(6)]
            assert more.count(200) <= most + 1, "new workers count on"


def answering(process):
    """Whether each worker has a connection to a client."""
    workers = psutil.Process(process.pid).children()
    return len(workers) == 2 and all(
        any(one.status == psutil.CONN_ESTABLISHED for one in worker.net_connections("tcp")) for worker in workers
    )


def test_a_full_row_of_buckets_forgets_the_fullest():
    with closing(Rates(1.0)) as limited:
        for number in range(20_000):
            limited.take(Caller("ada", token=str(number)))
        for _ in range(9):
            limited.take(Caller("ada", token="19999"))
        with pytest.raises(Problem):
            limited.take(Caller("ada", token="19999"))


def test_the_sending_side_waits_as_it_is_told(tmp_path, monkeypatch):
    with made_world(tmp_path, rate_limit=5.0) as world:
        monkeypatch.setenv("RUNLORE_TOKEN", world.tokens["ada"])
        with world.client("ada") as ada:
            while ada.get("/api/v1/account").status_code == 200:
                pass
        with runlore.start("vision/limited", store=world.address) as run:
            run.log_metric("loss", 0.5)
        refresh(world)
        with world.client("root") as root:
            assert root.get(f"/api/v1/runs/{run.uid}").json()["status"] == "succeeded"


# -- retention --------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def book(tmp_path):
    opened = Book(str(tmp_path / "accounts.sqlite"), create=True)
    yield opened
    opened.close()


@pytest.fixture
def aged(store, monkeypatch):
    """Runs of which all but one ended long ago, as the clock of the rules goes."""
    found = SimpleNamespace()
    for name, tags in (("plain", {}), ("kept", {"keep": ""}), ("other", {})):
        with runlore.start("lab" if name == "other" else "scratch/a", store=store.location, tags=tags) as run:
            run.log_text(f"weights of {name}", "w.txt")
        setattr(found, name, run.uid)
    with runlore.start("scratch/a", store=store.location) as run:
        registry.register("model", "team", "m", artifacts={"w": b"weights"}, run=run, store=store.location)
    found.linked = run.uid
    now = time.time_ns()
    monkeypatch.setattr("runlore.housekeeping.rules.time_ns", lambda: now + 31 * DAY_S * 10**9)
    return found


def session_of(store):
    return Session(store.location).refresh()


def trashed(store):
    return {run.uid for run in session_of(store).page("deleted = true").runs}


def test_old_runs_go_to_the_trash_but_those_that_are_to_be_kept(store, aged):
    with runlore.start("scratch/a", store=store.location) as open_run:
        gone = trash_old(session_of(store), "scratch/**", 30)
        assert open_run.uid not in gone
    assert gone == [aged.plain]
    assert trashed(store) == {aged.plain}
    assert trash_old(session_of(store), "lab", 32) == []


def test_contents_of_old_runs_are_dropped_and_all_else_stays(store, aged):
    dropped = drop_old(session_of(store), "scratch/**", 30)
    assert [(item.uid, item.name) for item in dropped] == [(aged.plain, "w.txt")]
    assert drop_old(session_of(store), "scratch/**", 30) == [], "once is enough"
    assert trashed(store) == set()
    for bad in (0, -1, float("nan")):
        with pytest.raises(InvalidArgument):
            drop_old(session_of(store), "**", bad)


def test_rules_are_carried_out_and_recorded(store, book, aged, monkeypatch):
    book.rules.add("scratch/**", "trash", 30)
    book.rules.add("**", "empty", 20)
    keeper = Keeper(book, Session(store.location))
    keeper.look()
    assert trashed(store) == {aged.plain}
    said = [(entry.actor, entry.action, entry.target, entry.detail) for entry in book.audit.entries()]
    assert said == [("(server)", "retention.trash", "scratch/**", {"rule": 1, "runs": 1})]
    later = time.time_ns() + 21 * DAY_S * 10**9
    monkeypatch.setattr("runlore.housekeeping.garbage.time_ns", lambda: later)
    keeper.look()
    assert len(trashed(store)) == 1, "its turn comes in an hour"
    keeper.carry_out()
    assert trashed(store) == set()
    last = list(book.audit.entries())[-1]
    assert (last.action, last.detail["runs"]) == ("retention.empty", 1)
    with pytest.raises(NotFound):
        book.rules.remove(99)
    assert book.rules.remove(1).pattern == "scratch/**"


def test_a_rule_that_fails_keeps_no_other_from_being_carried_out(store, book, aged, monkeypatch):
    book.rules.add("scratch/**", "artifacts", 30)
    book.rules.add("scratch/**", "trash", 30)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runlore.housekeeping.rules.drop_old", full)
    Keeper(book, Session(store.location)).carry_out()
    assert [entry.action for entry in book.audit.entries()] == ["retention.failed", "retention.trash"]


def test_of_all_workers_one_has_the_task(book, tmp_path, monkeypatch):
    other = Book(str(tmp_path / "accounts.sqlite"))
    assert book.rules.lease("retention", "a", 60)
    assert not other.rules.lease("retention", "b", 60)
    assert other.rules.lease("usage", "b", 60)
    now = time.time()
    monkeypatch.setattr("runlore.server.accounts.rules.time", lambda: now + 61)
    assert other.rules.lease("retention", "b", 60)
    monkeypatch.setattr("runlore.server.accounts.rules.time", lambda: now - 10**6)  # the clock was put back
    assert book.rules.lease("retention", "a", 60)
    other.close()


@pytest.mark.parametrize(("pattern", "action", "days"), [
    ("", "trash", 1), ("**", "burn", 1), ("**", "trash", 0), ("**", "trash", float("nan")), ("**", "trash", 1e9),
    ("scratch/**", "empty", 1), ("../x", "trash", 1),
])  # fmt: skip
def test_what_is_no_rule_is_refused(book, pattern, action, days):
    with pytest.raises(InvalidArgument):
        book.rules.add(pattern, action, days)
    assert book.rules.all() == []


def test_admins_make_rules(crowded):
    told = {"path": "scratch/**", "action": "trash", "days": 30}
    with crowded.client("root") as root, crowded.client("ada") as ada:
        assert ada.post("/api/v1/accounts/retention", json=told).status_code == 403
        made = root.post("/api/v1/accounts/retention", json=told)
        assert made.status_code == 200, made.text
        assert root.post("/api/v1/accounts/retention", json=told).status_code == 409
        assert root.get("/api/v1/accounts/retention").json()["rules"] == [made.json()]
        assert root.delete(f"/api/v1/accounts/retention/{made.json()['id']}").status_code == 204
        assert root.delete("/api/v1/accounts/retention/x").status_code == 404
    crowded.book.rules.add("a", "trash", 1)
    with pytest.raises(AlreadyExists):
        crowded.book.rules.add("a", "trash", 2)
