"""Changing runs over HTTP, and taking it back; views."""

from __future__ import annotations

import pytest
from tests.reader.made_runs import make_run


def edit(api, **body):
    answer = api.post("runs/edit", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def known(api, uid):
    found = api.get(f"runs/{uid}").json()
    return {name: found[name] for name in ("tags", "name", "description", "group", "archived", "deleted")}


def test_what_was_changed_is_there_at_once_and_can_be_taken_back(api, two_runs):
    before = [known(api, uid) for uid in two_runs]
    found = edit(
        api, runs=list(two_runs), tags={"team": "b", "new": "x"}, name="both", description="*text*", group="g",
        archived=True, note="look",
    )  # fmt: skip
    assert found["changed"] == 2
    for uid in two_runs:
        assert known(api, uid) == {
            "tags": {"team": "b", "new": "x"}, "name": "both", "description": "*text*", "group": "g", "archived": True,
            "deleted": False,
        }  # fmt: skip
    assert [note["text"] for note in api.get(f"runs/{two_runs[0]}").json()["detail"]["notes"]] == ["look"]
    again = edit(api, **found["undo"])
    assert [known(api, uid) for uid in two_runs] == before
    edit(api, **again["undo"])
    assert known(api, two_runs[1])["tags"] == {"team": "b", "new": "x"}


def test_a_run_in_the_trash_is_out_of_the_table(api, two_runs):
    undo = edit(api, runs=[two_runs[0]], deleted=True)["undo"]
    assert api.post("runs/table", json={}).json()["uids"] == [two_runs[1]]
    assert len(api.post("runs/table", json={"include_deleted": True}).json()["uids"]) == 2
    edit(api, **undo)
    assert len(api.post("runs/table", json={}).json()["uids"]) == 2


def test_a_change_wins_over_a_clock_that_is_fast(api, store):
    uid = make_run(store, start_s=5_000_000_000)
    recorder = store.open_run(uid).record()
    recorder.event("tag", "a", "from the future", time_ns=6_000_000_000 * 10**9)
    recorder.close()
    edit(api, runs=[uid], tags={"a": "mine"})
    assert known(api, uid)["tags"] == {"a": "mine"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"runs": []}, 400),
        ({"runs": ["{uid}"]}, 400),
        ({"runs": ["{uid}", "{uid}"], "archived": True}, 400),
        ({"runs": ["{uid}", "f" * 32], "archived": True}, 404),
        ({"runs": ["{uid}"], "tags": {"": "x"}}, 400),
        ({"runs": ["{uid}"], "tags": {"k" * 10_000: "x"}}, 400),
        ({"runs": ["{uid}"], "tags": {"k": 1}}, 400),
        ({"runs": ["{uid}"], "archived": None}, 400),
        ({"runs": ["{uid}"], "archived": "yes"}, 400),
        ({"runs": ["{uid}"], "name": ""}, 400),
        ({"runs": ["{uid}"], "note": "x" * (2 << 20)}, 400),
        ({"runs": ["{uid}"], "status": "succeeded"}, 400),
        ({"edits": [{"runs": ["{uid}"], "archived": True}, {"runs": ["{uid}"], "name": "x"}]}, 400),
    ],
)
def test_what_cannot_be_changes_nothing(api, two_runs, body, status):
    first, _ = two_runs
    before = known(api, first)

    def named(value):
        if isinstance(value, dict):
            return {key: named(item) for key, item in value.items()}
        if isinstance(value, list):
            return [named(item) for item in value]
        return value.replace("{uid}", first) if isinstance(value, str) else value

    answer = api.post("runs/edit", json=named(body))
    assert answer.status_code == status, answer.text
    assert known(api, first) == before


def test_views_are_kept_replaced_and_forgotten(api):
    assert api.get("views").json() == {"views": []}
    put = api.put("views/best%20runs%2F1", json={"state": {"columns": ["a"], "n": 1.5}, "experiment": "iris"})
    assert put.status_code == 200, put.text
    api.put("views/other", json={"state": {}})
    api.put("views/best%20runs%2F1", json={"state": {"columns": ["b"]}, "experiment": "iris", "by": "ada"})
    found = api.get("views").json()["views"]
    assert [(view["name"], view["experiment"], view["state"], view["by"]) for view in found] == [
        ("best runs/1", "iris", {"columns": ["b"]}, "ada"), ("other", None, {}, None),
    ]  # fmt: skip
    assert [view["name"] for view in api.get("views?experiment=vision").json()["views"]] == ["other"]
    assert api.delete("views/best%20runs%2F1").status_code == 204
    assert api.delete("views/best%20runs%2F1").status_code == 404
    assert api.put("views/big", json={"state": {"x": "y" * 300_000}}).status_code == 413
    assert api.put("views/bad", json={"state": []}).status_code == 400
    assert api.put("views/" + "n" * 5_000, json={"state": {}}).status_code == 400
