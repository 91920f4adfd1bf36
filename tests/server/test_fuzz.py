"""Noise of the right shape: MLflow's protocol and the API for sending, with values that nobody means well.

A request may be refused; no answer is 5xx, none is waited for in vain, the memory does not grow with them, and what was
refused leaves nothing behind. The long form (`-m soak`) asks the same questions many more times.
"""

from __future__ import annotations

import gc
import json
import os
import random
import re
import zlib

import httpx
import psutil
import pytest
from tests.reader.made_runs import make_run
from tests.server.live import serving

import runlore
from runlore.housekeeping.doctor import examine
from runlore.reader.session import Session
from runlore.server.app import list_endpoints
from runlore.store import open_store

MLFLOW = [
    (prefix + endpoint.path, endpoint.method)
    for prefix, endpoint in list_endpoints()
    if "mlflow" in prefix + endpoint.path or (prefix + endpoint.path).startswith(("/v1/", "/get-artifact"))
]
FIELDS = re.findall(
    r"\w+",
    """
    run_id run_uuid run_ids run_name experiment_id experiment_ids experiment_name name key value step timestamp metrics
    params tags filter filter_string order_by max_results page_token view_type run_view_type path status end_time
    start_time user_id metric_key metric_keys artifact_path artifact_location lifecycle_stage datasets models model_id
    version source alias description stage new_name trace_id request_id assessment_id location locations trace spans
    trace_info request_metadata dataset_id dataset_ids inputs records digest tag_key url events secret webhook_id
    max_timestamp_ms start_timestamp_ms is_eval outputs archive_existing_versions columns upload_id part_numbers
    num_parts
    """,
)
SEND = "/api/v1/send"
_DEEP = json.loads("[" * 400 + "]" * 400)
_FILTERS = (
    "metrics.loss > ",
    "params.lr = '",
    "attributes.status IN (",
    "tags.`a` LIKE '%",
    "a = 1 AND " * 200,
    "'" * 999,
)
GROWTH_BYTES = 200 << 20
LATER_GROWTH_BYTES = 40 << 20
"""Of the second half, in which caches are as full as they become."""
ANSWER_S = 30


def rounds(short, long):
    """How often, in the short form and in the long one."""
    return [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.soak)]


def a_value(chance, known, depth=0):
    """Something for a field: what there is, what there is not, other types, the huge, the deep, the unreadable."""
    kinds = [
        lambda: chance.choice(known),
        lambda: chance.choice(
            ["", "x", "../../etc/passwd", "a\x00b", "é" * 5000, "\ud800", "NaN", "-Infinity", "0", "\r\nX: y"]
        ),
        lambda: chance.choice([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**300, 0.5, 1e308, True, False, None]),
        lambda: chance.choice(_FILTERS),
        lambda: _DEEP,
    ]
    if depth < 3:
        kinds += [
            lambda: [a_value(chance, known, depth + 1) for _ in range(chance.choice([0, 1, 3]))],
            lambda: a_body(chance, known, depth + 1),
        ] * 2
    return chance.choice(kinds)()


def a_body(chance, known, depth=0):
    """Fields of the protocol; more of those that the endpoints ask for than of others."""
    names = {"run_id", "experiment_id", "name", *chance.sample(FIELDS, chance.randint(1, 8))} if not depth else set()
    names |= set(chance.sample(FIELDS, chance.randint(0, 4)))
    return {name: a_value(chance, known, depth) for name in sorted(names)}


def spoiled(chance, body):
    """A body as bytes, now and then cut off, turned over, or no JSON at all."""
    content = json.dumps(body).encode()
    match chance.randrange(8):
        case 0:
            return content[: chance.randrange(len(content))]
        case 1:
            place = chance.randrange(len(content))
            return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
        case 2:
            return chance.randbytes(chance.randrange(200))
    return content


@pytest.fixture
def store(tmp_path):
    place = open_store(tmp_path / "store", create=True)
    make_run(
        place, params={"lr": 0.1}, tags={"a": "b"}, artifacts={"a.txt": b"content"}, metrics={"loss": [3.0, 2.0]}
    )  # fmt: skip
    return place.location


class Growth:
    """How much memory the process took since the beginning, and since the half of so many rounds."""

    def __init__(self, rounds):
        self._half = rounds // 2
        self._begun = self._at_half = _resident_bytes()

    def look(self, number):
        if number == self._half:
            self._at_half = _resident_bytes()

    def check(self):
        now = _resident_bytes()
        assert now - self._begun < GROWTH_BYTES
        assert now - self._at_half < LATER_GROWTH_BYTES


def _resident_bytes():
    gc.collect()
    return psutil.Process().memory_info().rss


def found_by_doctor(store):
    """What is wrong with the store, nothing of which may come of what was refused."""
    return examine(Session(open_store(store)).refresh())


def what_is_there(store):
    """Uids of runs, with what they hold."""
    frame = runlore.runs(store=store)
    return {uid: runlore.get_run(uid, store=store).points for uid in frame["uid"]}


@pytest.mark.parametrize("times", rounds(4, 60))
def test_mlflows_protocol_takes_any_noise(store, times):
    chance = random.Random(times)
    known = [*runlore.runs(store=store)["uid"], "0", "1", "loss", "lr", "a", "a.txt", "1.0.0"]
    growth = Growth(times * len(MLFLOW))
    with serving(store) as address, httpx.Client(base_url=address, timeout=ANSWER_S) as client:
        for number in range(times * len(MLFLOW)):
            growth.look(number)
            path, method = MLFLOW[number % len(MLFLOW)]
            place = re.sub(r"\{(\w+)(:\w+)?\}", lambda _: chance.choice([*known, "%2e%2e", "x" * 300]), path)
            body = a_body(chance, known)
            if method == "GET":
                query = {name: json.dumps(value)[:2000] for name, value in body.items()}
                answer = client.request(method, place, params=query)
            else:
                answer = client.request(
                    method,
                    place,
                    content=spoiled(chance, body),
                    headers={
                        "content-type": chance.choice(["application/json", "text/plain", "application/x-protobuf"])
                    },
                )
            assert answer.status_code < 500 or answer.status_code == 501, (method, place, body, answer.text[:500])
            if answer.status_code >= 400:
                assert "Traceback" not in answer.text
        assert client.get("/ready").status_code == 200
    growth.check()
    assert found_by_doctor(store) == []
    assert set(known[:1]) <= set(what_is_there(store)), "what was there is there"


def a_sending(chance, uid, writer, whole):
    """A request of the API for sending, as `httpx.Client.request` takes it: of a real journal, bent somewhere."""
    piece = whole[: chance.choice([0, 1, 63, 64, 4096, len(whole)])] or chance.randbytes(chance.randrange(5000))
    content = bytearray(piece)
    if content and chance.random() < 0.8:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    offset = chance.choice([0, 0, 0, 64, -1, 2**63, "x", len(content)])
    headers = {"x-runlore-crc32": chance.choice([f"{zlib.crc32(content):08x}"] * 2 + ["zz", "0" * 8, ""])}
    if chance.random() < 0.3:
        headers["content-encoding"] = chance.choice(["gzip", "deflate", "br", "identity", "x"])
    journal = f"{SEND}/runs/{uid}/journals/{writer}"
    where = {"experiment": chance.choice(["iris/noise"] * 3 + ["../x", ""]), "offset": offset}
    sent = {"params": where, "content": bytes(content), "headers": headers}
    end = {"size": offset, "crc32": 1, "beginning": content[:64].hex()}
    about = {"experiment": chance.choice(["iris/noise", "../x", "", 3]), "uid": chance.choice([uid, "x", None])}
    return chance.choice(
        [
            {"method": "PUT", "url": journal, **sent},
            {"method": "PUT", "url": f"{SEND}/contents/{chance.choice(['0' * 64, 'x'])}", **sent},
            {"method": "POST", "url": f"{journal}/end", "params": where, "content": spoiled(chance, end)},
            {"method": "POST", "url": f"{SEND}/runs", "content": spoiled(chance, about)},
        ]
    )


@pytest.mark.parametrize("times", rounds(150, 20_000))
def test_the_api_for_sending_takes_any_noise(store, tmp_path, times):
    chance = random.Random(times)
    with runlore.start("iris/noise", store=tmp_path / "spool", capture=False) as run:
        for step in range(200):
            run.log_metric("loss", 1.0 / (1 + step), step=step)
    [file] = (tmp_path / "spool").rglob("*.rlj")
    whole = file.read_bytes()
    growth = Growth(times)
    with serving(store) as address, httpx.Client(base_url=address, timeout=ANSWER_S) as client:
        there = what_is_there(store)
        for number in range(times):
            growth.look(number)
            answer = client.request(**a_sending(chance, run.uid, file.stem, whole))
            assert answer.status_code < 500, (answer.request.url, answer.text[:500])
        assert client.get("/ready").status_code == 200
    growth.check()
    found = found_by_doctor(store)  # a journal that was damaged when it was sent is one here
    assert [one for one in found if one.what != "journal" or f"iris/noise/{run.uid}/" not in one.where] == []
    after = what_is_there(store)
    assert {known: after[known] for known in there} == there
    assert not any(name == "0" * 64 for _, _, names in os.walk(f"{store}/blobs") for name in names)
