"""The page is built with the package: used where it is current, left out where told, and its absence said."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]


def load_hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path):
    (tmp_path / "ui/src").mkdir(parents=True)
    (tmp_path / "ui/package.json").write_text('{"name": "x"}')
    (tmp_path / "ui/src/main.ts").write_text("1")
    return tmp_path


@pytest.fixture
def make_hook(project, monkeypatch):
    module = load_hook()
    said = []
    monkeypatch.setattr(module, "_say", said.append)
    monkeypatch.delenv("RUNLORE_PAGE", raising=False)

    def make():
        app = SimpleNamespace(display_info=lambda text: None)
        hook = module.PageBuildHook(str(project), {}, None, None, str(project), "wheel", app)
        hook.said = said
        return hook

    make.module = module
    return make


def record_of(build_data) -> dict:
    [folder] = build_data["force_include"]
    return json.loads((Path(folder) / "build.json").read_text())


def test_skip_leaves_it_out_and_needs_no_node(make_hook, monkeypatch):
    monkeypatch.setenv("RUNLORE_PAGE", "skip")
    hook = make_hook()
    assert hook.dependencies() == []
    build_data = {"force_include": {}}
    hook.initialize("standard", build_data)
    assert list(build_data["force_include"].values()) == ["runlore/server/page/static"]
    assert record_of(build_data) == {"built": False, "why": "RUNLORE_PAGE=skip left it out"}
    [folder] = build_data["force_include"]
    hook.finalize("standard", build_data, "")
    assert not Path(folder).exists()


def test_a_page_that_is_current_is_used_as_it_is(make_hook, project):
    hook = make_hook()
    (project / "ui/dist").mkdir()
    (project / "ui/dist/index.html").write_text("page")
    record = {"built": True, "sources": hook._sources()}
    (project / "ui/dist/build.json").write_text(json.dumps(record))
    assert hook.dependencies() == []
    build_data = {"force_include": {}}
    hook.initialize("standard", build_data)
    assert list(build_data["force_include"]) == [str(project / "ui/dist")]
    (project / "ui/src/main.ts").write_text("2")
    assert make_hook().dependencies() == [make_hook.module.NODE]


@pytest.fixture
def broken(make_hook, monkeypatch):
    def unable():
        raise make_hook.module.NotBuilt("`npm ci` failed: no network")

    monkeypatch.setattr(make_hook.module, "_find_node", unable)
    return make_hook


def test_without_a_page_the_installation_goes_on_and_says_so(broken):
    hook = broken()
    build_data = {"force_include": {}}
    hook.initialize("standard", build_data)
    assert record_of(build_data)["why"] == "`npm ci` failed: no network"
    assert "the web page was not built: `npm ci` failed: no network" in hook.said[0]


def test_an_editable_install_leaves_the_record_where_the_server_looks(broken, project):
    broken().initialize("editable", {"force_include": {}})
    assert json.loads((project / "ui/dist/build.json").read_text())["built"] is False


def test_where_the_page_is_required_its_absence_is_an_error(broken, monkeypatch):
    monkeypatch.setenv("RUNLORE_PAGE", "require")
    with pytest.raises(RuntimeError, match="no network"):
        broken().initialize("standard", {"force_include": {}})


def test_a_source_archive_without_a_page_refuses_rather_than_be_kept(broken, project):
    (project / "PKG-INFO").write_text("")
    with pytest.raises(RuntimeError, match="RUNLORE_PAGE=skip to install without it"):
        broken().initialize("standard", {"force_include": {}})
