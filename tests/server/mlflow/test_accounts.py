"""MLflow's protocol where the server has accounts: who is not let in is told so in MLflow's form, and secrets stay."""

from __future__ import annotations

import json

import pytest
from tests.server.mlflow.test_webhooks import CREATED, Receiver
from tests.server.security.conftest import PASSWORD, made_world

from runlore.errors import NotAllowed
from runlore.reader.session import Session
from runlore.server.mlflow.webhooks import NAMESPACE

BASE = "/api/2.0/mlflow"


@pytest.fixture(scope="module")
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory, receiver):
    with made_world(tmp_path_factory.mktemp("world"), webhooks=(receiver.address,)) as made:
        yield made


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status", "code"),
    [(None, "POST", "runs/search", {}, 401, "UNAUTHENTICATED"),
     (None, "GET", "nothing/at/all", None, 401, "UNAUTHENTICATED"),
     ("nobody", "POST", "runs/search", {}, 403, "PERMISSION_DENIED"),
     ("eve", "POST", "experiments/create", {"name": "vision/x"}, 403, "PERMISSION_DENIED"),
     ("bob", "POST", "experiments/create", {"name": "vision/x"}, 403, "PERMISSION_DENIED"),
     ("ada", "GET", "webhooks", None, 403, "PERMISSION_DENIED"),
     ("ada", "POST", "gateway/secrets/create", {}, 404, "ENDPOINT_NOT_FOUND")],
)  # fmt: skip
def test_who_is_not_let_in_is_told_in_mlflows_form(world, who, method, path, body, status, code):
    with world.client(who) as client:
        answer = client.request(method, f"{BASE}/{path}", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["message"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_the_client_raises_what_it_would_of_mlflows_own_server(mlflow, world, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", world.tokens["bob"])
    with pytest.raises(mlflow.MlflowException) as caught:
        mlflow.MlflowClient(world.address).create_experiment("vision/y")
    assert caught.value.error_code == "PERMISSION_DENIED"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "wrong")
    with pytest.raises(mlflow.MlflowException) as caught:
        mlflow.MlflowClient(world.address).search_experiments()
    assert caught.value.error_code == "UNAUTHENTICATED"


def test_an_admins_webhook_is_told_what_an_editor_did(world, receiver):
    world.book.people.grant(world.book.people.user("ada"), "mlflow/**", "editor")
    with world.client("root") as root, world.client("ada") as ada:
        said = {"name": "ci", "url": receiver.address, "events": [CREATED], "secret": "only admins know"}
        made = root.post(f"{BASE}/webhooks", json=said).json()["webhook"]
        run = world.runs["vision/cifar"]
        made_model = ada.post(f"{BASE}/registered-models/create", json={"name": f"m{run[:6]}"})
        assert made_model.status_code == 200, made_model.text
        assert json.loads(receiver.next()[2])["data"]["name"] == f"m{run[:6]}"
        root.delete(f"{BASE}/webhooks/{made['webhook_id']}")


def test_secrets_of_webhooks_are_for_admins(world, receiver, monkeypatch):
    with world.client("root") as root:
        said = {"name": "ci", "url": receiver.address, "events": [CREATED], "secret": "only admins know"}
        made = root.post(f"{BASE}/webhooks", json=said).json()["webhook"]
        assert "secret" not in json.dumps(root.get(f"{BASE}/webhooks/{made['webhook_id']}").json())
    world.book.people.add_user("sees-all", PASSWORD)
    world.book.people.grant(world.book.people.user("sees-all"), "**", "editor")
    token = world.book.keys.make_token(world.book.people.user("sees-all"), "tests", ["read", "write"])[1]
    name = f"{made['webhook_id']}/000000"
    monkeypatch.setenv("RUNLORE_TOKEN", token)
    store = Session(world.address).store
    assert store.claims(NAMESPACE) == []
    assert store.claimed(NAMESPACE, name) is None
    with pytest.raises(NotAllowed, match="admin"):
        store.claim(NAMESPACE, f"{made['webhook_id']}/000001", {"url": "https://elsewhere.example/"})
    monkeypatch.setenv("RUNLORE_TOKEN", world.tokens["root"])
    assert Session(world.address).store.claimed(NAMESPACE, name)["secret"] == "only admins know"
