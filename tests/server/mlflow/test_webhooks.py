"""Webhooks: who is told what of the model registry, signed how, and which addresses are never sent to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from tests.server.live import serving

from runlore.errors import InvalidArgument
from runlore.server.mlflow import deliveries
from runlore.server.outgoing import is_allowed
from runlore.server.settings import Settings
from runlore.store import open_store

CREATED = {"entity": "REGISTERED_MODEL", "action": "CREATED"}


class Receiver:
    """Somebody's server that is told things.

    Attributes:
        address: where it listens.
        got: (path, headers, body) of each message.
        answers: statuses of the next answers; then 200.
    """

    def __init__(self):
        self.got, self.answers = queue.Queue(), []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.put((self.path, self.headers, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("location", f"{receiver.address}/elsewhere")
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                """The tests' output has no room for it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def next(self):
        return self.got.get(timeout=20)

    def close(self):
        self.server.shutdown()
        self.thread.join(20)
        self.server.server_close()


@pytest.fixture(scope="module")
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture(scope="module")
def address(receiver, tmp_path_factory):
    """A server that may send to the receiver's folder `/hooks`, and nowhere else."""
    store = open_store(tmp_path_factory.mktemp("webhooks") / "store", create=True).location
    with serving(store, webhooks=(f"{receiver.address}/hooks",)) as found:
        yield found


@pytest.fixture
def call(address):
    made = []

    def ask(method, path, expected=200, **body):
        answer = httpx.request(method, f"{address}/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == expected, answer.text
        if (method, path) == ("POST", "webhooks") and expected == 200:
            made.append(answer.json()["webhook"]["webhook_id"])
        return answer.json()

    yield ask
    for identifier in made:
        httpx.delete(f"{address}/api/2.0/mlflow/webhooks/{identifier}")


def make(call, receiver, *events, path="/hooks/a", **more):
    return call("POST", "webhooks", name="ci", url=receiver.address + path, events=list(events), **more)["webhook"]


def test_a_new_version_is_told_and_signed(call, receiver):
    make(call, receiver, CREATED, {"entity": "MODEL_VERSION", "action": "CREATED"}, secret="a secret")
    call("POST", "registered-models/create", name="told", tags=[{"key": "k", "value": "v"}], description="d")
    path, headers, body = receiver.next()
    said = json.loads(body)
    assert (path, said["entity"], said["action"]) == ("/hooks/a", "registered_model", "created")
    assert said["data"] == {"name": "told", "tags": {"k": "v"}, "description": "d"}
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(b"a secret", signed, hashlib.sha256).digest()).decode()
    assert headers["X-MLflow-Signature"] == f"v1,{right}"
    call("POST", "model-versions/create", name="told", source="s3://bucket/x")
    said = json.loads(receiver.next()[2])
    assert (said["entity"], said["data"]["version"], said["data"]["source"]) == ("model_version", "1", "s3://bucket/x")


def test_tags_aliases_and_prompts(call, receiver):
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    events = [("MODEL_VERSION_TAG", "SET"), ("MODEL_VERSION_TAG", "DELETED"), ("MODEL_VERSION_ALIAS", "CREATED"),
              ("MODEL_VERSION_ALIAS", "DELETED"), ("PROMPT", "CREATED"), ("PROMPT_VERSION", "CREATED"),
              ("PROMPT_TAG", "SET"), ("PROMPT_ALIAS", "CREATED")]  # fmt: skip
    make(call, receiver, *({"entity": entity, "action": action} for entity, action in events))
    seen = []

    def told():
        said = json.loads(receiver.next()[2])
        seen.append((said["entity"].upper(), said["action"].upper()))
        return said["data"]

    call("POST", "registered-models/create", name="tagged")
    call("POST", "model-versions/create", name="tagged", source="s3://bucket/x")
    call("POST", "model-versions/set-tag", name="tagged", version="1", key="a", value="b")
    assert told() == {"name": "tagged", "version": "1", "key": "a", "value": "b"}
    call("DELETE", "model-versions/delete-tag", name="tagged", version="1", key="a")
    assert told() == {"name": "tagged", "version": "1", "key": "a"}
    call("POST", "registered-models/alias", name="tagged", alias="champion", version="1")
    assert told() == {"name": "tagged", "alias": "champion", "version": "1"}
    call("DELETE", "registered-models/alias", name="tagged", alias="champion")
    assert told() == {"name": "tagged", "alias": "champion"}
    call("POST", "registered-models/create", name="hello", tags=prompt)
    assert told() == {"name": "hello", "tags": {}, "description": None}
    text = {"key": "mlflow.prompt.text", "value": "Hello {{x}}"}
    call("POST", "model-versions/create", name="hello", source="dummy-source", tags=[text, {"key": "t", "value": "u"}])
    assert told() == {
        "name": "hello", "version": "1", "template": "Hello {{x}}", "tags": {"t": "u"}, "description": None
    }  # fmt: skip
    call("POST", "registered-models/set-tag", name="hello", key="a", value="b")
    assert told() == {"name": "hello", "key": "a", "value": "b"}
    call("POST", "registered-models/alias", name="hello", alias="live", version="1")
    assert told() == {"name": "hello", "alias": "live", "version": "1"}
    assert seen == events


def test_webhooks_are_made_listed_changed_and_deleted(call, receiver):
    first = make(call, receiver, CREATED, description="for CI", secret="x")
    second = make(call, receiver, CREATED)
    assert "secret" not in json.dumps(first)
    assert [one["webhook_id"] for one in call("GET", "webhooks")["webhooks"]] == [
        second["webhook_id"], first["webhook_id"],
    ]  # fmt: skip
    path = f"webhooks/{first['webhook_id']}"
    changed = call("PATCH", path, name="other", status="DISABLED", description="")["webhook"]
    assert (changed["name"], changed["status"], "description" in changed) == ("other", "DISABLED", False)
    assert changed["url"] == first["url"]
    assert changed == call("GET", path)["webhook"]
    call("DELETE", path)
    assert call("GET", path, 404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    call("DELETE", path, 404)
    page = call("GET", "webhooks?max_results=1")
    assert [one["webhook_id"] for one in page["webhooks"]] == [second["webhook_id"]]


def test_a_disabled_one_is_not_told(call, receiver):
    quiet = make(call, receiver, CREATED, path="/hooks/quiet", status="DISABLED")
    make(call, receiver, CREATED, path="/hooks/loud")
    call("POST", "registered-models/create", name="heard")
    assert receiver.next()[0] == "/hooks/loud"
    assert call("GET", f"webhooks/{quiet['webhook_id']}")["webhook"]["status"] == "DISABLED"
    assert receiver.got.empty()


def test_what_failed_is_sent_again_as_the_same_delivery(call, receiver, monkeypatch):
    monkeypatch.setattr(deliveries, "PAUSE_S", 0.01)
    receiver.answers = [503, 429]
    make(call, receiver, CREATED)
    call("POST", "registered-models/create", name="again")
    got = [receiver.next() for _ in range(3)]
    assert len({headers["X-MLflow-Delivery-Id"] for _, headers, _ in got}) == 1


def test_a_webhook_is_tried(call, receiver):
    path = f"webhooks/{make(call, receiver, CREATED)['webhook_id']}/test"
    assert call("POST", path)["result"] == {"success": True, "response_status": 200, "response_body": "ok"}
    assert json.loads(receiver.next()[2])["entity"] == "registered_model"
    receiver.answers = [500]
    said = call("POST", path, event={"entity": "MODEL_VERSION_TAG", "action": "SET"})["result"]
    assert (said["success"], said["response_status"]) == (False, 500)
    assert json.loads(receiver.next()[2])["data"] == {"name": "example", "version": "1", "key": "key", "value": "value"}


def test_no_redirect_is_followed(call, receiver):
    path = f"webhooks/{make(call, receiver, CREATED)['webhook_id']}/test"
    receiver.answers = [307]
    said = call("POST", path)["result"]
    assert (said["success"], said["response_status"]) == (False, 307)
    assert receiver.next()[0] == "/hooks/a"
    assert receiver.got.empty()


def test_addresses_that_no_admin_named_are_never_sent_to(call, receiver):
    made = call("POST", "webhooks", name="x", url="https://169.254.169.254/latest/meta-data", events=[CREATED])[
        "webhook"
    ]
    said = call("POST", f"webhooks/{made['webhook_id']}/test")["result"]
    assert (said["success"], "--webhooks" in said["error_message"]) == (False, True)
    for path in ("/other", "/hooks/../other", "/hooks/%2e%2e/other", "/hooksx"):
        found = call("POST", "webhooks", 400, name="x", url=receiver.address + path, events=[CREATED])
        assert found["error_code"] == "INVALID_PARAMETER_VALUE", path
    assert receiver.got.empty()


@pytest.mark.parametrize(
    ("url", "fits"),
    [("https://h.example/a", True), ("https://h.example/a/b?c=d", True), ("HTTPS://H.EXAMPLE:443/a/", True),
     ("https://h.example/ab", False), ("https://h.example/", False), ("http://h.example/a", False),
     ("https://h.example:444/a", False), ("https://h.example.evil/a", False), ("https://h.example@evil/a", False),
     ("https://evil/a#https://h.example/a", False), ("https://h.example/a/..%2fb", False),
     ("https://h.example/a\\..", False),
     ("file:///a", False), ("https://h.example\n/a", False), ("https://h.example:x/a", False), ("", False)],
)  # fmt: skip
def test_which_addresses_fit(url, fits):
    assert is_allowed(url, ["https://h.example/a"]) is fits


@pytest.mark.parametrize("beginning", ["h.example", "ftp://h.example", "https://", "https://u:p@h.example/"])
def test_an_admin_names_beginnings_of_addresses(beginning):
    with pytest.raises(InvalidArgument, match="webhooks="):
        Settings("store", webhooks=(beginning,))


@pytest.mark.parametrize(
    ("body", "why"),
    [({"name": "-x", "events": [CREATED], "url": "https://h/"}, "Webhook name"),
     ({"name": "x", "events": [], "url": "https://h/"}, "non-empty list"),
     ({"name": "x", "events": [{"entity": "PROMPT", "action": "SET"}], "url": "https://h/"}, "Invalid action 'SET'"),
     ({"name": "x", "events": [CREATED], "url": "gopher://h/"}, "Invalid webhook URL"),
     ({"name": "x", "events": [CREATED], "url": "http://h/"}, "Allowed schemes are: https"),
     ({"name": "x", "events": [CREATED]}, "url"), ({"events": [CREATED], "url": "https://h/"}, "name")],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(call, body, why):
    assert why in call("POST", "webhooks", 400, **body)["message"]
    assert call("GET", "webhooks")["webhooks"] == []


def test_the_client(mlflow, address, receiver):
    client = mlflow.MlflowClient(address, address)
    made = client.create_webhook(
        "by-client", f"{receiver.address}/hooks/c", ["registered_model.created"], description="d", secret="s"
    )
    assert [one.webhook_id for one in client.list_webhooks()] == [made.webhook_id]
    assert client.update_webhook(made.webhook_id, description="e").description == "e"
    assert client.test_webhook(made.webhook_id).response_status == 200
    assert "X-MLflow-Signature" in receiver.next()[1]
    client.delete_webhook(made.webhook_id)
    with pytest.raises(mlflow.MlflowException, match="not found"):
        client.get_webhook(made.webhook_id)
