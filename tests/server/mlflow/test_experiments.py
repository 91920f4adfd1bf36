"""Experiments with MLflow's client: names, ids, tags, deletion."""

from __future__ import annotations

import pytest


@pytest.fixture
def failing(mlflow):
    from mlflow.exceptions import MlflowException

    return lambda: pytest.raises(MlflowException)


@pytest.mark.parametrize(
    "name", ["plain", "a/b/c", "/Users/me@x.org/exp", "100% #1?", "a\\b", "../up", "日本語", "a//b"]
)
def test_any_name(client, session, name):
    identifier = client.create_experiment(name, tags={"k": "v"})
    found = client.get_experiment(identifier)
    assert (found.name, found.tags, found.lifecycle_stage) == (name, {"k": "v"}, "active")
    assert client.get_experiment_by_name(name).experiment_id == identifier
    run = client.create_run(identifier)
    assert client.get_run(run.info.run_id).info.experiment_id == identifier
    assert [found.info.run_id for found in client.search_runs([identifier])] == [run.info.run_id]
    assert session.refresh().find(run.info.run_id).experiment


def test_a_name_is_taken_once(client, failing):
    client.create_experiment("once")
    with failing() as caught:
        client.create_experiment("once")
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_default(mlflow, client, failing):
    assert client.get_experiment("0").name == "Default"
    run = client.create_run("0")
    assert client.get_run(run.info.run_id).info.experiment_id == "0"
    with failing() as caught:
        client.create_experiment("Default")
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_what_is_not_there(client, failing):
    assert client.get_experiment_by_name("nothing") is None
    with failing() as caught:
        client.get_experiment("123")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with failing() as caught:
        client.create_run("123")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_renaming(client, session):
    identifier = client.create_experiment("before")
    uid = client.create_run(identifier).info.run_id
    client.rename_experiment(identifier, "after")
    assert client.get_experiment(identifier).name == "after"
    assert client.get_experiment_by_name("before") is None
    assert session.refresh().find(uid).experiment == "after"
    second = client.create_run(identifier).info.run_id
    assert session.refresh().find(second).experiment == "after"
    assert {run.info.run_id for run in client.search_runs([identifier])} == {uid, second}
    again = client.create_experiment("before")
    assert again != identifier
    third = client.create_run(again).info.run_id
    assert [run.info.run_id for run in client.search_runs([again])] == [third]


def test_tags(client, failing):
    identifier = client.create_experiment("tagged")
    client.set_experiment_tag(identifier, "a", "1")
    client.set_experiment_tag(identifier, "a", "2")
    assert client.get_experiment(identifier).tags == {"a": "2"}
    client.delete_experiment_tag(identifier, "a")
    assert client.get_experiment(identifier).tags == {}


def test_deletion_takes_the_runs_along(client, session, failing):
    identifier = client.create_experiment("to delete")
    uid = client.create_run(identifier).info.run_id
    client.delete_experiment(identifier)
    assert client.get_experiment(identifier).lifecycle_stage == "deleted"
    assert session.refresh().find(uid).deleted
    for attempt in (
        lambda: client.create_run(identifier), lambda: client.log_metric(uid, "m", 1),
        lambda: client.create_experiment("to delete"),
    ):  # fmt: skip
        with failing():
            attempt()
    client.restore_experiment(identifier)
    assert client.get_experiment(identifier).lifecycle_stage == "active"
    client.log_metric(uid, "m", 1)
    assert not session.refresh().find(uid).deleted


def test_searching(client, mlflow):
    from mlflow.entities import ViewType

    made = [client.create_experiment(f"search/{letter}", tags={"team": letter}) for letter in "abc"]
    client.delete_experiment(made[2])
    found = client.search_experiments(filter_string="name LIKE 'search/%'", order_by=["name ASC"])
    assert [item.experiment_id for item in found] == made[:2]
    found = client.search_experiments(ViewType.ALL, filter_string="name LIKE 'search/%'", order_by=["name DESC"])
    assert [item.experiment_id for item in found] == made[::-1]
    found = client.search_experiments(filter_string="tags.team = 'b'")
    assert [item.experiment_id for item in found] == made[1:2]
    page = client.search_experiments(max_results=1, filter_string="name LIKE 'search/%'", order_by=["name"])
    following = client.search_experiments(
        max_results=1, filter_string="name LIKE 'search/%'", order_by=["name"], page_token=page.token
    )
    assert [page[0].experiment_id, following[0].experiment_id] == made[:2]
