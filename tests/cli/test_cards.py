"""`runlore cards` and `runlore card …`."""

from __future__ import annotations

import json

import pytest

import runlore
from runlore import registry


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(cli):
    def printed(*arguments):
        found = cli(*arguments)
        return found.out + found.err

    return printed


@pytest.fixture
def run_json(cli):
    return lambda *arguments: json.loads(cli(*arguments, "--json").out)


def test_a_card_says_which_run_made_it_and_times_as_all_do(run, run_json):
    with runlore.start("train/it", "night", capture=False) as made:
        registry.register("model", "a", "b", run=made)
    registry.register("model", "a", "elsewhere", run="0" * 32)
    assert f"train/it#1 (night)  {made.uid}" in run("card", "show", "model/a/b")
    assert "0" * 32 in run("card", "show", "model/a/elsewhere")
    shown = run_json("card", "show", "model/a/b")
    assert shown["run"] == made.uid
    assert all(shown[name].endswith("Z") for name in ("registered", "updated"))


def test_register_show_list_download(cli, tmp_path, run, run_json):
    (tmp_path / "iris.csv").write_text("a,b\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "w.bin").write_bytes(b"\0")
    data = run_json("card", "register", "data/iris/flowers", "iris.csv", "--tag", "source=uci", "--tag", "raw")
    assert (data["version"], data["tags"]) == ("0.1.0", {"source": "uci", "raw": ""})
    text = run(
        "card", "register", "model/iris/tree@2.0.0", "weights=out/w.bin", "out", "--input", "data/iris/flowers",
        "--metadata", '{"depth": 3}', "--description", "A tree.",
    )  # fmt: skip
    assert text.startswith("registered model/iris/tree@2.0.0")
    shown = run_json("card", "show", "model/iris/tree")
    assert shown["metadata"] == {"depth": 3}
    assert [item["name"] for item in shown["artifacts"]] == ["out/w.bin", "weights"]
    assert shown["lineage"]["ancestors"] == ["data/iris/flowers@0.1.0"]
    text = run("card", "show", "model/iris/tree@^2")
    assert "A tree." in text
    assert "data/iris/flowers@0.1.0" in text
    assert run_json("card", "download", "model/iris/tree", "--to", "copy")["files"][0].endswith("copy/out/w.bin")
    assert "--force" in cli("card", "download", "model/iris/tree", "--to", "copy", code=1).err
    run("card", "download", "model/iris/tree", "--to", "copy", "--force")
    assert run_json("card", "register", "model/iris/tree", "--bump", "major")["version"] == "3.0.0"


def test_list_by_query_tag_and_stage(run, run_json):
    for name in ("a", "b"):
        for _ in range(2):
            registry.register("model", "nlp", name)
    registry.register("data", "web", "pages", tags={"source": "web"})
    registry.alias(registry.get("model", "nlp", "a", "0.1.0"), "champion")
    registry.stage(registry.get("model", "nlp", "b"), "production")

    def listed(*arguments):
        found = run_json("cards", *arguments)["cards"]
        return [f"{card['name']}@{card['version']}" for card in found]

    assert listed("model") == ["a@0.2.0", "a@0.1.0", "b@0.2.0", "b@0.1.0"]
    assert listed("model/nlp/*@champion") == ["a@0.1.0"]
    assert listed("*/*/b@0.1") == ["b@0.1.0"]
    assert listed("model/nlp@latest") == ["a@0.2.0", "a@0.1.0", "b@0.2.0", "b@0.1.0"]
    assert listed("--tag", "source=web") == ["pages@0.1.0"]
    assert listed("--stage", "production") == ["b@0.2.0"]
    assert listed("--newest", "--limit", "1") == ["pages@0.1.0"]
    assert listed("nothing") == []
    assert "champion" in run("cards")
    assert "4 more" in run("cards", "-n", "1")


def test_alias_tag_and_delete(run_json):
    card = registry.register("model", "nlp", "a")
    assert run_json("card", "alias", "model/nlp/a", "champion")["aliases"] == ["champion"]
    assert run_json("card", "alias", "model/nlp/a@champion", "champion", "--remove")["aliases"] == []
    assert run_json("card", "tag", card.uid, "x=1", "y")["tags"] == {"x": "1", "y": ""}
    assert run_json("card", "tag", card.uid, "x", "--remove")["tags"] == {"y": ""}
    assert run_json("card", "delete", card.uid)["deleted"]
    assert run_json("cards")["cards"] == []
    assert len(run_json("cards", "--deleted")["cards"]) == 1
    assert not run_json("card", "delete", card.uid, "--undo")["deleted"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("card", "show", "model/x/y"), 3, "model/x/y"),
        (("card", "show", "nonsense"), 3, "nonsense"),
        (("card", "register", "model/x/../y"), 2, "'..'"),
        (("card", "register", "x/y"), 2, "x/y"),
        (("card", "register", "m/x/y", "a=f.txt", "a=f.txt"), 2, "given twice"),
        (("card", "register", "m/x/y", "--metadata", "[1]"), 2, "must be a JSON object"),
        (("card", "register", "m/x/y", "--metadata", "{"), 2, "is no JSON"),
        (("card", "register", "m/x/y", "--bump", "huge"), 2, "huge"),
    ],
)
def test_what_cannot_be_done_is_an_error(cli, arguments, code, said):
    registry.register("data", "a", "b")
    printed = cli(*arguments, code=code)
    assert printed.err.startswith("runlore: ")
    assert said in printed.err
    assert len(registry.list_cards()) == 1


def test_what_mlflow_keeps_its_books_in_is_listed_where_it_is_asked_for(run, run_json):
    registry.register("experiment", "mlflow", "123")
    assert "--all shows them" in run("cards")
    registry.register("model", "nlp", "net")
    assert [card["kind"] for card in run_json("cards")["cards"]] == ["model"]
    assert [card["kind"] for card in run_json("cards", "*/mlflow")["cards"]] == []
    assert [card["kind"] for card in run_json("cards", "--all")["cards"]] == ["experiment", "model"]
    assert [card["kind"] for card in run_json("cards", "experiment")["cards"]] == ["experiment"]


def test_tags_that_serve_searching_are_not_shown(run, run_json):
    with runlore.start("linked", tags={"team": "a", "mlflow.linked.client": ""}, capture=False) as made:
        pass
    for command in (["runs", "-e", "linked"], ["show", made.uid]):
        assert "team" in run(*command)
        assert "mlflow.linked" not in run(*command)
        assert "mlflow.linked.client" in run(*command, "--wide")
    assert "mlflow.linked.client" in run_json("show", made.uid)["tags"]
