"""Who may import whom: the design's table, enforced on every module; and the enforcement, shown what breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from import_graph import (
    LAYERS,
    SOURCE,
    Tree,
    documented_layers,
    eager_libraries,
    homeless_libraries,
    imitated_imports,
    import_cycles,
    indoor_violations,
    layer_violations,
    neighbour_violations,
    private_violations,
    read_tree,
    unplaced_modules,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tree() -> Tree:
    return read_tree(SOURCE)


def test_every_module_has_a_layer(tree):
    assert len(tree.modules) > 5
    assert unplaced_modules(tree) == []


def test_no_module_imports_a_higher_layer(tree):
    assert layer_violations(tree) == []


def test_dialects_server_integrations_and_importers_never_import_one_another(tree):
    assert neighbour_violations(tree) == []


def test_there_are_no_import_cycles(tree):
    assert import_cycles(tree) == []


def test_the_bytes_of_a_layout_are_known_in_one_room(tree):
    assert indoor_violations(tree) == []


def test_dialects_reach_into_no_private_room(tree):
    assert private_violations(tree) == []


def test_the_documented_table_of_layers_is_the_one_enforced(tree):
    documented = documented_layers((SOURCE.parents[1] / "docs/explanation/architecture.md").read_text("utf-8"))
    rooms = {module.split(".")[1] for module in tree.modules if "." in module and not module.startswith("runlore._")}
    assert documented == {room: LAYERS[room] for room in rooms}


def test_no_imitated_library_is_imported(tree):
    assert imitated_imports(tree) == []


def test_each_library_lives_in_one_place(tree):
    assert homeless_libraries(tree) == []


def test_optional_libraries_are_imported_when_used(tree):
    assert eager_libraries(tree) == []


# The checks above must be able to fail: each is shown a small package that breaks its rule.


def make_tree(directory: Path, **files: str) -> Tree:
    """A package `runlore` from keyword arguments: `store__layout="import os"` is `runlore/store/layout.py`."""
    root = directory / "runlore"
    root.mkdir()
    (root / "__init__.py").touch()
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "__init__.py").touch()
    return read_tree(root)


@pytest.mark.parametrize(
    "text",
    [
        "from runlore.reader import open",
        "from runlore import reader",
        "import runlore.reader",
        "from ..reader import open",
        "from .. import reader",
        "def f():\n    from runlore.reader import open",
        "async def f():\n    import runlore.reader",
        "class A:\n    import runlore.reader",
        "try:\n    import runlore.reader\nexcept ImportError: pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from runlore.reader import open",
        "import typing\nif typing.TYPE_CHECKING:\n    from runlore.reader import open",
        "from importlib import import_module\nimport_module('runlore.reader')",
        "f = lambda: __import__('runlore.reader')",
    ],
)
def test_an_import_from_above_is_found_wherever_it_stands(tmp_path, text):
    tree = make_tree(tmp_path, store__layout=text, reader="")
    assert len(layer_violations(tree)) == 1


def test_the_package_itself_is_the_top(tmp_path):
    tree = make_tree(tmp_path, dialects__omegaml="import runlore", run="from runlore import start", names="")
    assert [v.split(":")[0] for v in layer_violations(tree)] == ["runlore.dialects.omegaml", "runlore.run"]


def test_imports_downwards_and_sideways_are_fine(tmp_path):
    tree = make_tree(
        tmp_path, names="", store__layout="from runlore.names import x", store__blobs="from . import layout"
    )
    assert layer_violations(tree) == []
    assert import_cycles(tree) == []


def test_levels_are_told_apart(tmp_path):
    text = "import a\ndef f():\n    import b\nif TYPE_CHECKING:\n    import c\nelse:\n    import d\nif x:\n    import e"
    tree = make_tree(tmp_path, names=text)
    kinds = {item.target: item.kind for item in tree.imports}
    assert kinds == {"a": "module", "b": "function", "c": "typing", "d": "module", "e": "module"}


def test_who_reads_a_layout_from_outside_is_found(tmp_path):
    text = "def f():\n    from runlore.journal import format"
    tree = make_tree(tmp_path, journal__format="", journal__scan=text, store__content=text)
    assert [v.split(":")[0] for v in indoor_violations(tree)] == ["runlore.store.content"]


@pytest.mark.parametrize("target", ["journal.values", "store.contents", "run.ends", "reader.facts", "media._skops"])
def test_a_dialect_in_a_private_room_is_found(tmp_path, target):
    text = f"def f():\n    from runlore.{target} import x"
    files = {target.replace(".", "__"): "", "dialects__opsml__a": text, "dialects___native": text}
    tree = make_tree(tmp_path, **files)
    assert [v.split(":")[0] for v in private_violations(tree)] == ["runlore.dialects.opsml.a"]


def test_a_new_room_must_be_placed(tmp_path):
    assert unplaced_modules(make_tree(tmp_path, cellar__wine="")) == ["runlore.cellar", "runlore.cellar.wine"]


@pytest.mark.parametrize(
    ("importer", "target"),
    [
        ("dialects__opsml", "server__app"),
        ("server__app", "dialects__opsml"),
        ("dialects__luml", "dialects__opsml__run"),
    ],
)
def test_neighbours_are_found(tmp_path, importer, target):
    module = "runlore." + target.replace("__", ".")
    tree = make_tree(tmp_path, **{target: "", importer: f"def f():\n    import {module}"})
    assert len(neighbour_violations(tree)) == 1


def test_a_private_module_of_a_family_may_be_shared(tmp_path):
    tree = make_tree(tmp_path, dialects___shared="", dialects__luml="from runlore.dialects import _shared")
    assert neighbour_violations(tree) == []


@pytest.mark.parametrize(
    ("text", "is_cycle"),
    [
        ("import runlore.store.a", True),
        ("def f():\n    import runlore.store.a", True),
        ("from importlib import import_module\ndef f():\n    import_module('runlore.store.a')", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import runlore.store.a", False),
    ],
)
def test_a_cycle_is_found_unless_it_is_one_of_types(tmp_path, text, is_cycle):
    files = {"store__a": "from runlore.store import b", "store__b": "def f():\n    from runlore.store.c import x"}
    tree = make_tree(tmp_path, **files, store__c=text)
    assert import_cycles(tree) == ([["runlore.store.a", "runlore.store.b", "runlore.store.c"]] if is_cycle else [])


def test_an_imitated_library_is_found(tmp_path):
    tree = make_tree(tmp_path, dialects__polyaxon="def f():\n    from polyaxon.tracking import init")
    assert len(imitated_imports(tree)) == 1


def test_a_library_with_two_homes_or_a_public_one_is_found(tmp_path):
    lazy = "def f():\n    import soundfile"
    (tmp_path / "two").mkdir()
    (tmp_path / "public").mkdir()
    (tmp_path / "good").mkdir()
    assert len(homeless_libraries(make_tree(tmp_path / "two", media___a=lazy, media___b=lazy))) == 1
    assert len(homeless_libraries(make_tree(tmp_path / "public", media__audio=lazy))) == 1
    assert homeless_libraries(make_tree(tmp_path / "good", media___soundfile=lazy)) == []


def test_a_library_outside_its_named_home_is_found(tmp_path):
    tree = make_tree(tmp_path, store__layout="import re2", query__regex="import re2")
    assert homeless_libraries(tree) == ["runlore.store.layout imports re2, which lives in runlore.query.regex"]


def test_an_optional_library_reached_by_a_public_module_is_found(tmp_path):
    tree = make_tree(
        tmp_path, media___soundfile="import soundfile", media__audio="from runlore.media import _soundfile"
    )
    assert eager_libraries(tree) == ["importing runlore.media.audio loads soundfile"]
