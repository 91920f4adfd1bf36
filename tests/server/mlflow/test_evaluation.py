"""Evaluation datasets, as MLflow's `genai.datasets` makes, fills, searches and deletes them."""

from __future__ import annotations

import json

import httpx
import pytest

QUESTIONS = [
    {"inputs": {"q": f"question {number}"}, "expectations": {"answer": str(number)}, "tags": {"part": "a"}}
    for number in range(5)
]


@pytest.fixture
def datasets(mlflow, experiment):
    from mlflow.genai import datasets

    return datasets


@pytest.fixture
def made(datasets, experiment, request):
    found = datasets.create_dataset(name=request.node.name, experiment_id=[experiment], tags={"team": "nlp"})
    return found.merge_records(QUESTIONS)


def test_records_with_the_same_inputs_are_one(datasets, made, mlflow):
    made.merge_records([
        {"inputs": {"q": "question 3"}, "expectations": {"source": "book"}, "outputs": {"said": 3.5}},
        {"inputs": {"q": "another", "n": 1, "deep": {"x": [None, True]}}},
    ])  # fmt: skip
    found = datasets.get_dataset(dataset_id=made.dataset_id)
    records = found.to_df().to_dict("records")
    assert [record["inputs"]["q"] for record in records] == [*(f"question {number}" for number in range(5)), "another"]
    assert records[3]["expectations"] == {"answer": "3", "source": "book"}
    assert (records[3]["outputs"], records[3]["tags"]["part"]) == ({"said": 3.5}, "a")
    assert records[5]["inputs"] == {"q": "another", "n": 1, "deep": {"x": [None, True]}}
    assert json.loads(found.profile) == {"num_records": 6}
    assert json.loads(found.schema)["inputs"] == {"q": "string", "n": "integer", "deep": "object"}


def test_pages_of_records_visit_each_once(made, uri):
    address, names, token = f"{uri}/api/3.0/mlflow/datasets/{made.dataset_id}/records", [], ""
    while True:
        answer = httpx.get(address, params={"max_results": 2, "page_token": token}).json()
        names += [record["inputs"]["q"] for record in json.loads(answer["records"])]
        token = answer.get("next_page_token", "")
        if not token:
            break
    assert names == [f"question {number}" for number in range(5)]


def test_records_are_deleted(datasets, made):
    names = [record["dataset_record_id"] for record in made.to_df().to_dict("records")]
    assert made.delete_records(names[:2]) == 2
    assert made.delete_records([*names[:3], "dr-none"]) == 1
    found = datasets.get_dataset(dataset_id=made.dataset_id)
    assert json.loads(found.profile) == {"num_records": 2}
    found.merge_records(QUESTIONS[:1])
    assert len(datasets.get_dataset(dataset_id=made.dataset_id).to_df()) == 3


def test_traces_become_records(datasets, made, mlflow):
    with mlflow.start_span("answering") as span:
        span.set_inputs({"q": "traced"})
        span.set_outputs("an answer")
    mlflow.flush_trace_async_logging()
    mlflow.log_expectation(trace_id=span.trace_id, name="answer", value="yes")
    made.merge_records([mlflow.get_trace(span.trace_id)])
    last = datasets.get_dataset(dataset_id=made.dataset_id).to_df().to_dict("records")[-1]
    assert (last["inputs"], last["expectations"]) == ({"q": "traced"}, {"answer": "yes"})
    assert (last["source_type"], last["source_id"]) == ("TRACE", span.trace_id)


def test_tags_and_experiments(datasets, made, client, experiment):
    datasets.set_dataset_tags(dataset_id=made.dataset_id, tags={"team": "vision", "stage": "draft"})
    datasets.delete_dataset_tag(dataset_id=made.dataset_id, key="stage")
    datasets.delete_dataset_tag(dataset_id=made.dataset_id, key="never there")
    other = client.create_experiment(f"other of {experiment}")
    datasets.add_dataset_to_experiments(made.dataset_id, [other])
    datasets.remove_dataset_from_experiments(made.dataset_id, [experiment])
    found = datasets.get_dataset(dataset_id=made.dataset_id)
    assert (found.tags["team"], "stage" in found.tags, found.experiment_ids) == ("vision", False, [other])
    assert [one.name for one in datasets.search_datasets(experiment_ids=[other])] == [made.name]
    assert made.name not in {one.name for one in datasets.search_datasets(experiment_ids=[experiment])}


def test_searching(datasets, experiment):
    for name, team in (("b-2", "x"), ("b-1", "y"), ("c-1", "x")):
        datasets.create_dataset(name=name, experiment_id=experiment, tags={"team": team})

    def names(text, order=("name ASC",)):
        found = datasets.search_datasets(experiment_ids=[experiment], filter_string=text, order_by=list(order))
        return [one.name for one in found]

    assert names("name LIKE 'b-%'") == ["b-1", "b-2"]
    assert names("name LIKE 'b-%'", ["name DESC"]) == ["b-2", "b-1"]
    assert names("tags.team = 'x' AND created_time > 0") == ["b-2", "c-1"]
    assert names("name IN ('b-1', 'c-1') or tags.team = 'none'") == ["b-1", "c-1"]


@pytest.mark.parametrize(
    ("records", "why"),
    [('{"inputs": 1}', "records"), ("[1]", "records[0]"), ('[{"inputs": "x"}]', "records[0].inputs"),
     ('[{"inputs": {"a": 1}}, {"inputs": {}, "tags": 5}]', "records[1].tags"), ("[", "records"),
     ('[{"inputs": {"a": 1}, "source": {"source_type": "GUESS"}}]', "GUESS")],
)  # fmt: skip
def test_records_that_are_none_are_refused_and_leave_nothing(made, uri, records, why):
    answer = httpx.post(f"{uri}/api/3.0/mlflow/datasets/{made.dataset_id}/records", json={"records": records})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert why in answer.json()["message"]
    found = httpx.get(f"{uri}/api/3.0/mlflow/datasets/{made.dataset_id}").json()["dataset"]
    assert json.loads(found["profile"]) == {"num_records": 5}


def test_a_deleted_dataset_is_gone_and_its_run_is_in_the_trash(datasets, made, mlflow, client, session):
    from runlore.query import parse

    uid = made.dataset_id[2:]
    run = session.store.open_run(uid)
    assert {event.key for event in run.events(["mlflow.dataset.record"])} == set(made.to_df()["dataset_record_id"])
    assert not [one for one in client.search_experiments() if "evaluation-datasets" in one.name]
    datasets.delete_dataset(dataset_id=made.dataset_id)
    datasets.delete_dataset(dataset_id=made.dataset_id)
    with pytest.raises(mlflow.MlflowException, match="not found"):
        datasets.get_dataset(dataset_id=made.dataset_id)
    assert made.name not in {one.name for one in datasets.search_datasets()}
    session.index.refresh()
    [found] = session.index.page(parse(f"uid = '{uid}'"), include_deleted=True, last=True).runs
    assert found.deleted


def test_what_is_not_there(datasets, uri, mlflow):
    base = f"{uri}/api/3.0/mlflow/datasets"
    nowhere = f"{base}/d-{'0' * 32}"
    for method, path, body in (
        ("GET", "", None), ("GET", "/records", None), ("PATCH", "/tags", {"tags": "{}"}),
        ("POST", "/records", {"records": "[]"}), ("POST", "/add-experiments", {"experiment_ids": ["0"]}),
    ):  # fmt: skip
        answer = httpx.request(method, nowhere + path, json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path
    answer = httpx.post(f"{base}/create", json={"name": "x", "experiment_ids": ["12345"]})
    assert (answer.status_code, "12345" in answer.json()["message"]) == (404, True)
