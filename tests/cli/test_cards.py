"""`runlore cards` and `runlore card …`, as an application of their own."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

import runlore
from runlore import registry
from runlore.cli import cards
from runlore.errors import AlreadyExists, CardNotFound, InvalidArgument, InvalidName

app = typer.Typer()
app.command("cards")(cards.cards)
app.add_typer(cards.app, name="card")


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def run_json(*arguments):
    return json.loads(run(*arguments, "--json"))


def test_a_card_says_which_run_made_it_and_times_as_all_do():
    with runlore.start("train/it", "night", capture=False) as made:
        registry.register("model", "a", "b", run=made)
    registry.register("model", "a", "elsewhere", run="0" * 32)
    assert f"train/it#1 (night)  {made.uid}" in run("card", "show", "model/a/b")
    assert "0" * 32 in run("card", "show", "model/a/elsewhere")
    shown = run_json("card", "show", "model/a/b")
    assert shown["run"] == made.uid
    assert all(shown[name].endswith("Z") for name in ("registered", "updated"))


def test_register_show_list_download(tmp_path):
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
    with pytest.raises(AlreadyExists, match="--force"):
        run("card", "download", "model/iris/tree", "--to", "copy")
    run("card", "download", "model/iris/tree", "--to", "copy", "--force")
    assert run_json("card", "register", "model/iris/tree", "--bump", "major")["version"] == "3.0.0"


def test_list_by_query_tag_and_stage():
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


def test_alias_tag_and_delete():
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
    ("arguments", "error"),
    [
        (("card", "show", "model/x/y"), CardNotFound),
        (("card", "show", "nonsense"), CardNotFound),
        (("card", "register", "model/x/../y"), InvalidName),
        (("card", "register", "x/y"), InvalidArgument),
        (("card", "register", "m/x/y", "a=f.txt", "a=f.txt"), InvalidArgument),
        (("card", "register", "m/x/y", "--metadata", "[1]"), InvalidArgument),
        (("card", "register", "m/x/y", "--metadata", "{"), InvalidArgument),
        (("card", "register", "m/x/y", "--bump", "huge"), InvalidArgument),
    ],
)
def test_what_cannot_be_done_is_an_error(arguments, error):
    registry.register("data", "a", "b")
    with pytest.raises(error):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert len(registry.list_cards()) == 1
