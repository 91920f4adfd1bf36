"""Models with MLflow's client: logged, registered, loaded back; prompts; autologging."""

from __future__ import annotations

import pytest


@pytest.fixture
def iris():
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


@pytest.fixture
def fitted(iris):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=2.0, max_iter=300).fit(*iris)


def test_from_training_to_production(mlflow, experiment, client, iris, fitted, session):
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(
            fitted, name="tree", registered_model_name="iris-tree", params={"depth": 2},
            pip_requirements=["scikit-learn"],  # else another process loads the model, to find out
        )  # fmt: skip
        mlflow.log_metric("acc", 0.97, model_id=logged.model_id)
    version = client.get_model_version("iris-tree", "1")
    assert (version.run_id, version.status) == (run.info.run_id, "READY")
    client.set_registered_model_alias("iris-tree", "champion", "1")
    assert client.get_model_version_by_alias("iris-tree", "champion").version == "1"
    for address in ("models:/iris-tree/1", "models:/iris-tree@champion", f"models:/{logged.model_id}",
                    f"runs:/{run.info.run_id}/tree"):  # fmt: skip
        assert (mlflow.pyfunc.load_model(address).predict(iris[0]) == fitted.predict(iris[0])).all()
    assert mlflow.sklearn.load_model("models:/iris-tree/1").get_params()["C"] == 2.0

    found = mlflow.get_logged_model(logged.model_id)
    assert (found.name, str(found.status), found.params["depth"]) == ("tree", "READY", "2")
    assert [(metric.key, metric.value) for metric in found.metrics] == [("acc", 0.97)]
    models = mlflow.search_logged_models([experiment], filter_string="metrics.acc > 0.9", output_format="list")
    assert [model.model_id for model in models] == [logged.model_id]
    assert mlflow.search_logged_models([experiment], filter_string="metrics.acc > 0.99", output_format="list") == []
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == logged.model_id

    from runlore import registry

    card = registry.get("model", "mlflow", "iris-tree", "champion", store=session.store)
    assert (card.version, card.run) == ("1.0.0", run.info.run_id)
    assert b"sklearn" in card.artifact("MLmodel").read_bytes()


def test_versions_and_aliases(mlflow, client, experiment):
    from mlflow.exceptions import MlflowException

    client.create_registered_model("many", tags={"team": "a"}, description="first")
    run = client.create_run(experiment).info.run_id
    for number in range(1, 4):
        made = client.create_model_version("many", f"runs:/{run}/model", run, tags={"n": str(number)})
        assert made.version == str(number)
    client.set_registered_model_alias("many", "best", "2")
    client.set_registered_model_alias("many", "best", "3")
    assert client.get_registered_model("many").aliases == {"best": "3"}
    client.delete_registered_model_alias("many", "best")
    assert client.get_registered_model("many").aliases == {}
    client.delete_model_version("many", "3")
    assert client.create_model_version("many", f"runs:/{run}/model", run).version == "4"
    found = client.search_model_versions("name = 'many'", order_by=["version_number ASC"])
    assert [version.version for version in found] == ["1", "2", "4"]
    assert [version.version for version in client.search_model_versions("tags.n = '2' and name = 'many'")] == ["2"]
    client.update_registered_model("many", "second")
    client.set_registered_model_tag("many", "k", "v")
    client.delete_registered_model_tag("many", "team")
    model = client.get_registered_model("many")
    assert (model.description, model.tags) == ("second", {"k": "v"})
    client.update_model_version("many", "1", "described")
    client.set_model_version_tag("many", "1", "a", "b")
    client.delete_model_version_tag("many", "1", "n")
    version = client.get_model_version("many", "1")
    assert (version.description, version.tags) == ("described", {"a": "b"})
    client.transition_model_version_stage("many", "1", "Production")
    client.transition_model_version_stage("many", "2", "Production", archive_existing_versions=True)
    assert [client.get_model_version("many", number).current_stage for number in "12"] == ["Archived", "Production"]
    assert [found.version for found in client.get_latest_versions("many", ["Production"])] == ["2"]
    client.rename_registered_model("many", "renamed")
    assert client.get_registered_model("renamed").name == "renamed"
    assert client.get_model_version("renamed", "1").version == "1"
    with pytest.raises(MlflowException) as caught:
        client.get_registered_model("many")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_registered_model("renamed")
    assert client.search_model_versions("name = 'renamed'") == []
    client.create_registered_model("many")
    assert client.create_model_version("many", f"runs:/{run}/model", run).version == "1"


def test_errors(client):
    from mlflow.exceptions import MlflowException

    def code(action):
        with pytest.raises(MlflowException) as caught:
            action()
        return caught.value.error_code

    client.create_registered_model("taken")
    assert code(lambda: client.create_registered_model("taken")) == "RESOURCE_ALREADY_EXISTS"
    assert code(lambda: client.get_model_version("taken", "9")) == "RESOURCE_DOES_NOT_EXIST"
    assert code(lambda: client.create_model_version("taken", "/etc/passwd")) == "INVALID_PARAMETER_VALUE"
    assert code(lambda: client.create_model_version("taken", "file:///etc")) == "INVALID_PARAMETER_VALUE"
    assert code(lambda: client.get_model_version_by_alias("taken", "nobody")) == "INVALID_PARAMETER_VALUE"


def test_searching_models(client):
    for name in ("search-a", "search-b"):
        client.create_registered_model(name, tags={"of": name})
    found = client.search_registered_models("name LIKE 'search-%'", order_by=["name DESC"])
    assert [model.name for model in found] == ["search-b", "search-a"]
    assert [model.name for model in client.search_registered_models("tags.of = 'search-a'")] == ["search-a"]
    page = client.search_registered_models("name LIKE 'search-%'", max_results=1)
    rest = client.search_registered_models("name LIKE 'search-%'", max_results=1, page_token=page.token)
    assert [page[0].name, rest[0].name] == ["search-a", "search-b"]


def test_models_that_others_registered_are_shown(client, session):
    from runlore import registry

    for _ in range(2):
        registry.register("model", "nlp", "sentiment", artifacts={"w": b"..."}, store=session.store)
    assert client.get_model_version("nlp.sentiment", "2").status == "READY"
    client.set_registered_model_alias("nlp.sentiment", "champion", "1")
    assert registry.get("model", "nlp", "sentiment", "champion", store=session.store).version == "0.1.0"


def test_prompts(mlflow, client):
    mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="first")
    mlflow.genai.register_prompt("greeting", "Hi {{name}}")
    mlflow.genai.set_prompt_alias("greeting", "live", 1)
    assert mlflow.genai.load_prompt("prompts:/greeting@live").format(name="you") == "Hello you"
    assert mlflow.genai.load_prompt("prompts:/greeting/2").template == "Hi {{name}}"
    assert "greeting" not in [model.name for model in client.search_registered_models()]
    assert "greeting" in [prompt.name for prompt in mlflow.genai.search_prompts()]


def test_autologging_of_scikit_learn(mlflow, experiment, client, iris):
    from sklearn.linear_model import LogisticRegression

    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            LogisticRegression(max_iter=300).fit(*iris)
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["max_iter"] == "300"
    assert found.data.metrics["training_accuracy_score"] > 0.9
    assert found.inputs.dataset_inputs[0].dataset.name == "dataset"
    assert found.outputs.model_outputs


def test_autologging_of_xgboost(mlflow, experiment, client, iris):
    import xgboost

    mlflow.xgboost.autolog()
    try:
        with mlflow.start_run() as run:
            data = xgboost.DMatrix(iris[0], iris[1])
            xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 3, evals=[(data, "train")])
    finally:
        mlflow.xgboost.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["num_boost_round"] == "3"
    assert {point.step for point in client.get_metric_history(run.info.run_id, "train-mlogloss")} == {0, 1, 2}
    assert found.outputs.model_outputs


def test_datasets(mlflow, experiment, client):
    import pandas as pd

    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1, 2]}), name="flowers", source="https://example.org/f.csv")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training", tags={"k": "v"})
    [found] = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("flowers", data.digest)
    assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "training", "k": "v"}
    for text in ("datasets.name = 'flowers'", "dataset.name LIKE 'flow%'", f"datasets.digest = '{data.digest}'",
                 "datasets.context = 'training'"):  # fmt: skip
        [again] = client.search_runs([experiment], text)
        assert again.inputs.dataset_inputs[0].dataset.name == "flowers"
    assert client.search_runs([experiment], "datasets.name = 'flow'") == []


def test_logged_models_are_tagged_and_deleted(mlflow, client, experiment):
    from mlflow.exceptions import MlflowException

    model = mlflow.initialize_logged_model("plain", tags={"a": "1"}, params={f"p{n}": str(n) for n in range(150)})
    client.set_logged_model_tags(model.model_id, {"b": "2"})
    client.delete_logged_model_tag(model.model_id, "a")
    found = client.get_logged_model(model.model_id)
    assert found.tags["b"] == "2"
    assert "a" not in found.tags
    assert found.params == {f"p{n}": str(n) for n in range(150)}
    client.delete_logged_model(model.model_id)
    with pytest.raises(MlflowException) as caught:
        client.get_logged_model(model.model_id)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.soak
def test_autologging_of_lightning(mlflow, experiment, client):
    torch, lightning = pytest.importorskip("torch"), pytest.importorskip("lightning")
    data = torch.utils.data

    class Sum(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, pair):
            return self.layer(pair)

        def training_step(self, batch, _):
            loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
            self.log("train_loss", loss, on_epoch=True)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    pairs = torch.rand(32, 2)
    loader = data.DataLoader(data.TensorDataset(pairs, pairs.sum(1, keepdim=True)), batch_size=8)
    mlflow.pytorch.autolog(log_models=True, checkpoint=False)
    try:
        trainer = lightning.Trainer(
            max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(Sum(), loader)
    finally:
        mlflow.pytorch.autolog(disable=True)
    [run] = client.search_runs([experiment])
    assert (run.info.status, run.data.params["epochs"], run.data.params["optimizer_name"]) == ("FINISHED", "3", "SGD")
    assert [point.step for point in client.get_metric_history(run.info.run_id, "train_loss_epoch")] == [0, 1, 2]
    [model] = mlflow.search_logged_models(experiment_ids=[experiment], output_format="list")
    assert mlflow.pytorch.load_model(model.model_uri)(torch.ones(1, 2)).shape == (1, 1)
