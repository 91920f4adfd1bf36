"""The document says what is served, and what is served is what it says: asked by a fuzzer over a real store."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from tests.examples import examples
from tests.reader.made_runs import make_run
from tests.server.live import serving

from runlore.housekeeping.doctor import examine
from runlore.reader.session import Session
from runlore.server.app import list_endpoints
from runlore.server.native.endpoints import ENDPOINTS, PREFIX
from runlore.server.openapi import describe
from runlore.store import open_store

DOCUMENT = describe(list_endpoints())
_OURS = {re.sub(r":\w+\}", "}", PREFIX + endpoint.path) for endpoint in ENDPOINTS}
NATIVE = json.loads(json.dumps(DOCUMENT))
NATIVE["paths"] = {
    path: about for path, about in NATIVE["paths"].items() if path in _OURS and path != f"{PREFIX}/live"
}  # a stream has no end
schema = schemathesis.openapi.from_dict(NATIVE)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    store = open_store(tmp_path_factory.mktemp("fuzzed") / "store", create=True)
    for place in range(3):
        make_run(
            store, params={"lr": 0.1 * place, "text": "a\ud800"}, tags={"a": "b"}, artifacts={"a.txt": b"content"},
            metrics={"loss": [3.0, float("nan"), float("inf")], "acc": [0.1, 0.2, 0.3]},
        )  # fmt: skip
    with serving(store.location) as address:
        yield address
    assert examine(Session(open_store(store.location)).refresh()) == [], "nothing is half stored of what was asked"


@schema.parametrize()
@settings(
    max_examples=examples(30), deadline=timedelta(seconds=20), suppress_health_check=list(HealthCheck), derandomize=True
)
def test_no_request_gets_an_answer_that_is_not_documented(case, filled):
    case.call_and_validate(
        base_url=filled,
        checks=[
            checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
            checks.response_schema_conformance,
        ],
    )  # fmt: skip


def test_the_document_is_served(filled):
    import httpx

    served = httpx.get(f"{filled}/api/v1/openapi.json").json()
    assert served.pop("servers") == [{"url": "/"}]
    assert served == json.loads(json.dumps(DOCUMENT))


def test_every_endpoint_is_in_it_with_all_that_it_takes():
    for prefix, endpoint in list_endpoints():
        path = re.sub(r":\w+\}", "}", prefix + endpoint.path)
        operation = DOCUMENT["paths"][path][endpoint.method.lower()]
        assert operation["summary"].endswith(".")
        in_path = {known["name"] for known in operation["parameters"] if known["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), path


def test_every_example_of_a_body_is_one():
    for _, endpoint in list_endpoints():
        if endpoint.example is not None and not isinstance(endpoint.body, str):
            msgspec.convert(endpoint.example, endpoint.body)
