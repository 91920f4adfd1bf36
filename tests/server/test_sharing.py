"""One answer for all who ask the same at once, and for nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.responses import Response
from tests.reader.made_runs import make_run
from tests.server.live import serving

from runlore.server import sharing
from runlore.server.sharing import SharedAnswers
from runlore.store import open_store


def test_it_is_made_once_for_each_question_and_state_of_the_index():
    shared, made = SharedAnswers(), []
    at_once = threading.Barrier(8)

    def ask(_):
        at_once.wait()
        answer = shared.get(1.0, "question", lambda: made.append(1) or Response(b"answer"))
        answer.headers["x-request-id"] = str(threading.get_ident())
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert made == [1]
    assert {answer.body for answer in answers} == {b"answer"}
    assert all(len(answer.headers.getlist("x-request-id")) == 1 for answer in answers)
    assert shared.get(1.0, "another", lambda: Response(b"b")).body == b"b"
    assert shared.get(2.0, "question", lambda: Response(b"newer")).body == b"newer"
    assert shared.get(1.0, "question", lambda: Response(b"late")).body == b"late"
    assert shared.get(2.0, "question", lambda: Response(b"never")).body == b"newer"


def test_what_failed_or_is_too_large_or_of_no_state_is_not_kept(monkeypatch):
    monkeypatch.setattr(sharing, "MOST_BYTES", 10)
    shared = SharedAnswers()
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            shared.get(1.0, "q", lambda: int("no"))
    assert shared.get(1.0, "q", lambda: Response(b"x" * 11)).body == b"x" * 11
    assert shared.get(1.0, "q", lambda: Response(b"small")).body == b"small"
    assert shared.get(float("-inf"), "q", lambda: Response(b"a")).body == b"a"
    assert shared.get(float("-inf"), "q", lambda: Response(b"b")).body == b"b"


def test_a_question_is_asked_of_the_index_once_while_it_does_not_change(tmp_path, monkeypatch):
    store = open_store(tmp_path / "store", create=True)
    make_run(store)
    contexts, pages = [], []
    with serving(store.location, contexts=contexts, index_age_s=30) as address:
        session = contexts[0].session
        asked = session.page
        monkeypatch.setattr(session, "page", lambda *args, **options: pages.append(1) or asked(*args, **options))
        with httpx.Client(base_url=f"{address}/api/v1/") as client:
            first = client.post("runs/table", json={})
            for _ in range(5):
                answer = client.post("runs/table", json={})
                assert (answer.status_code, answer.content) == (200, first.content)
            assert len({first.headers["x-request-id"], answer.headers["x-request-id"]}) == 2
            assert len(pages) == 1
            edited = client.post(
                "runs/edit",
                json={"runs": [first.json()["uids"][0]], "tags": {"a": "b"}},
            )
            assert edited.status_code == 200, edited.text
            assert client.post("runs/table", json={}).json()["columns"]["tags.a"] == ["b"]
