"""The mechanism, with a dialect that is made up: `acme` and `acme.tracking`."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys

import pytest

from runlore import dialects
from runlore.errors import InvalidArgument

FAKE = {
    "fake/__init__.py": '''
"""Speaks acme."""
MODULES = {
    "acme": "runlore.dialects.fake.api",
    "acme.tracking": "runlore.dialects.fake.api",
    "acme.deep.er": "runlore.dialects.fake.deeper",
}
''',
    "fake/api.py": '"""The API."""\n__version__ = "9.9"\nclass Tracker:\n    pass\nsetting = 1\n_hidden = 2\n',
    "fake/deeper.py": "from runlore.dialects.fake.api import Tracker\nvalue = 3\n",
    "rival.py": 'MODULES = {"acme": "runlore.dialects.rival"}\n',
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name, text in FAKE.items():
        path = tmp_path / "fakes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path / "fakes")])
    importlib.invalidate_caches()
    yield str(tmp_path / "fakes")
    dialects.uninstall()
    for name in [name for name in sys.modules if name.startswith(("runlore.dialects.fake", "runlore.dialects.rival"))]:
        del sys.modules[name]
    for name in ("fake", "rival"):
        vars(dialects).pop(name, None)


def test_foreign_names_give_the_dialect(place):
    dialects.install("fake")
    import acme
    import acme.tracking
    from acme import Tracker, setting
    from acme.deep.er import value
    from acme.tracking import Tracker as Other
    from runlore.dialects.fake.api import Tracker as Real

    assert Tracker is Other is Real
    assert (setting, value, acme.__version__, acme.__doc__) == (1, 3, "9.9", "The API.")
    assert acme.tracking.Tracker is Real
    assert {"Tracker", "setting", "tracking"} <= set(dir(acme))
    assert dialects.installed() == ["fake"]


def test_star_imports(place):
    dialects.install("fake")
    names: dict = {}
    exec("from acme import *", names)
    assert "Tracker" in names
    assert "_hidden" not in names


def test_what_is_set_on_the_module_is_set_on_the_dialect(place):
    dialects.install("fake")
    import acme
    from runlore.dialects.fake import api

    acme.setting = 7
    assert api.setting == 7


def test_the_dialects_own_modules_stay_what_they_are(place):
    dialects.install("fake")
    import acme.tracking  # noqa: F401 - imported for what it does
    from runlore.dialects.fake import api

    assert api.__name__ == api.__spec__.name == "runlore.dialects.fake.api"
    assert pickle.loads(pickle.dumps(api.Tracker)) is api.Tracker


def test_after_uninstalling_it_is_gone(place):
    dialects.install("fake")
    import acme.tracking  # noqa: F401 - imported for what it does

    dialects.uninstall("fake")
    assert not [name for name in sys.modules if name.partition(".")[0] == "acme"]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("acme")


def test_a_real_library_is_set_aside_and_comes_back(place, tmp_path, monkeypatch):
    real = tmp_path / "real"
    (real / "acme").mkdir(parents=True)
    (real / "acme" / "__init__.py").write_text("real = True\n")
    (real / "acme" / "extra.py").write_text("")
    monkeypatch.syspath_prepend(str(real))
    import acme

    dialects.install("fake")
    assert not hasattr(importlib.import_module("acme"), "real")
    with pytest.raises(ModuleNotFoundError, match=r"not part of Runlore's dialect 'fake'; it has acme, acme\.deep\.er"):
        importlib.import_module("acme.extra")
    dialects.uninstall()
    assert importlib.import_module("acme") is acme
    importlib.import_module("acme.extra")
    for name in ("acme", "acme.extra"):
        sys.modules.pop(name)


def test_missing_attributes_and_modules_are_named(place):
    dialects.install("fake")
    import acme

    with pytest.raises(AttributeError, match=r"module 'acme' has no attribute 'nothing': .*runlore.dialects.fake.api"):
        _ = acme.nothing
    with pytest.raises(ImportError):
        from acme import nothing  # noqa: F401 - it does not exist


def test_installing_twice_and_rivals(place):
    dialects.install("fake")
    before = list(sys.meta_path)
    dialects.install("fake")
    assert sys.meta_path == before
    with pytest.raises(InvalidArgument, match=r"uninstall\('fake'\)"):
        dialects.install("rival")
    dialects.uninstall()
    dialects.install("rival")


def test_an_unknown_dialect():
    with pytest.raises(InvalidArgument, match="no such dialect; choose from"):
        dialects.install("nope")


def run_script(place, tmp_path, *arguments: str, **files: str) -> subprocess.CompletedProcess:
    """As `runlore exec --dialect fake` does, with a place for the made-up dialect."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    program = (
        f"import sys; import runlore.dialects as d; d.__path__.append({place!r}); "
        "from runlore.dialects.__main__ import main; main(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "fake", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


SCRIPT = """
import pickle, sys
from acme.tracking import Tracker
import beside
class Mine: pass
if __name__ == "__main__":
    print(sys.argv, __file__, Tracker.__module__, beside.name, pickle.loads(pickle.dumps(Mine())).__class__ is Mine)
    sys.exit(4)
"""


def test_a_script_runs_as_if_python_ran_it(place, tmp_path):
    done = run_script(place, tmp_path, "train.py", "--epochs", "3", **{"train.py": SCRIPT, "beside.py": "name = 'b'"})
    assert done.stdout == "['train.py', '--epochs', '3'] train.py runlore.dialects.fake.api b True\n", done.stderr
    assert done.returncode == 4


def test_a_module_runs_too(place, tmp_path):
    done = run_script(place, tmp_path, "-m", "train", "x", **{"train.py": SCRIPT, "beside.py": "name = 'b'"})
    assert "runlore.dialects.fake.api b" in done.stdout, done.stderr


def test_a_script_that_is_not_there(place, tmp_path):
    done = run_script(place, tmp_path, "none.py")
    assert (done.returncode, done.stderr) == (2, "runlore: can't open file 'none.py': No such file or directory\n")


def test_absent_modules_and_names_say_what_to_use(place):
    from pathlib import Path

    Path(place, "fake", "__init__.py").write_text(
        FAKE["fake/__init__.py"] + 'ABSENT = {"acme.cloud": "use acme.tracking"}\n'
        "from runlore.dialects._absent import absent_names\n"
    )
    Path(place, "fake", "api.py").write_text(
        "from runlore.dialects._absent import AbsentAttribute, absent_names\n"
        '__getattr__ = absent_names("acme", {"old": "use setting"})\n'
    )
    Path(place, "fake", "deeper.py").write_text(
        "from runlore.dialects._absent import AbsentAttribute, absent_names\n"
        '__getattr__ = absent_names("er", {"old": "use setting"}, AbsentAttribute)\n'
    )
    dialects.install("fake")
    with pytest.raises(ModuleNotFoundError, match=r"'acme\.cloud'.*use acme\.tracking"):
        import acme.cloud
    with pytest.raises(ImportError, match="old of 'acme' is not part of Runlore's dialect: use setting"):
        from acme import old  # noqa: F401
    import acme.deep.er

    with pytest.raises(AttributeError, match="old of 'er' is not part of Runlore's dialect: use setting"):
        _ = acme.deep.er.old
    assert not hasattr(acme.deep.er, "old")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = acme.deep.er.nothing
