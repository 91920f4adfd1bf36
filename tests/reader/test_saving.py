"""Artifacts become files: whatever their names are, none leaves the directory and none takes another one's place."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runlore
from runlore.errors import AlreadyExists, ArtifactNotFound, InvalidName
from runlore.reader.artifact import Artifact
from runlore.reader.saving import MAX_FILE_NAME_BYTES, MAX_PATH_BYTES, file_path, file_paths, save, save_all

ODD = [
    "..", ".", "/", "//", "", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "a/.", "./a", "a\0b", "a\nb",
    "a\x1b[31m", "\ud800", "a\udc80b", "ä" * 200, "n" * 255, "n" * 256, "n" * 5000, "a/" * 2000 + "b",
    "a/" * 600 + "x" * 300, "CON", "aux.txt", "a\\b", "C:\\x", "a:b", "~", "x~0123456789abcdef",
    "x~0123456789abcdef.png", "%2E%2E", ".hidden", "x" * 300 + ".tar.gz", "x." + "y" * 300, "...", " ", "a ", "-rf",
    "数" * 90, "a/b/c", "a/b", "a",
]  # fmt: skip
components = st.lists(st.sampled_from(["a", "..", "", "b" * 300, "é"]), min_size=1).map("/".join)
names = st.text(max_size=40) | st.sampled_from(ODD) | components


@given(st.lists(names, unique=True, max_size=8))
@example(ODD)
def test_every_name_becomes_a_file_of_its_own_within_the_directory(given_names):
    paths = file_paths(given_names)
    assert len(set(paths.values())) == len(given_names)
    for path in paths.values():
        parts = path.split("/")
        assert not set(parts) & {"", ".", ".."}
        assert all(len(part.encode()) <= MAX_FILE_NAME_BYTES for part in parts)
        assert len(path.encode()) <= MAX_PATH_BYTES
        assert not any(character < " " for character in path)
        assert not any(other.startswith(f"{path}/") for other in paths.values())


@pytest.mark.parametrize(
    "name",
    ["a", "plots/loss curve.png", "größe/数.txt", "a\\b", "CON", ".hidden", "n" * 255, "a b", "x~y", "-rf", "%2E"],
)
def test_a_name_that_can_be_a_file_is_one(name):
    assert file_path(name) == name


@given(names)
def test_a_name_alone_becomes_the_same_file_as_among_others(name):
    assert file_paths([name]) == {name: file_path(name)}


def test_what_has_been_encoded_keeps_its_folder_and_its_ending():
    path = file_path("plots/" + "x" * 300 + ".png")
    assert path.startswith("plots/xxx")
    assert path.endswith(".png")


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """An artifact of any name, as a store of a stranger may have it."""
    monkeypatch.chdir(tmp_path)
    with runlore.start("e", capture=False) as run:
        run.log_artifact(b"contents", "a")
    found = runlore.get_run("e#1").artifact("a")
    return lambda name: Artifact(name, None, found.digest, 8, None, "file", {}, 0, found._store)


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_whatever_a_name_is_its_file_is_in_the_directory(stored, tmp_path, name):
    before = {str(path) for path in tmp_path.rglob("*")}
    path = stored(name).download("out")
    with open(path, "rb") as file:
        assert file.read() == b"contents"
    new = {str(found) for found in tmp_path.rglob("*")} - before
    assert all(found == f"{tmp_path}/out" or found.startswith(f"{tmp_path}/out/") for found in new)
    assert [found for found in new if os.path.isfile(found)] == [path]


def test_links_do_not_lead_out_of_the_directory(stored, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    os.symlink(tmp_path / "outside", tmp_path / "out" / "sub")
    with pytest.raises(InvalidName, match=r"a link in .* leads out of it"):
        stored("sub/x").download("out")
    os.symlink(tmp_path / "outside" / "y", tmp_path / "out" / "y")
    with pytest.raises(AlreadyExists):
        stored("y").download("out")
    stored("y").download("out", overwrite=True)
    assert os.listdir(tmp_path / "outside") == []
    assert (tmp_path / "out" / "y").read_bytes() == b"contents"


def test_a_directory_given_by_a_link_is_that_directory(stored, tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "link")
    stored("a/b").download("link")
    assert (tmp_path / "real" / "a" / "b").exists()


def test_what_is_in_the_way_is_said(stored):
    stored("a").download("out")
    with pytest.raises(AlreadyExists, match="is a file where a directory is needed"):
        stored("a/b").download("out")
    stored("d/b").download("out")
    with pytest.raises(AlreadyExists, match="is a directory"):
        stored("d").download("out", overwrite=True)


def test_one_that_fails_costs_no_other(stored):
    lost = stored("lost")
    object.__setattr__(lost, "digest", "0" * 64)
    saved = save_all([stored("n" * 300), lost, stored("a"), stored("a/b")], "out", overwrite=False)
    assert set(saved.paths) == {"n" * 300, "a", "a/b"}
    assert saved.renamed == {"n" * 300: file_path("n" * 300), "a": "a~022a6979e6dab7aa"}
    assert isinstance(saved.failed["lost"], ArtifactNotFound)


def test_half_a_file_is_never_there(tmp_path):
    def broken(path):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        save(broken, tmp_path / "out", "a/b", overwrite=False)
    assert os.listdir(tmp_path / "out" / "a") == []


def test_a_locale_without_letters_changes_no_name(stored, tmp_path):
    stored("größe").download("out")
    program = (
        "from runlore.reader.saving import save\n"
        "save(lambda path: open(path, 'wb').close(), 'ascii', 'gr\\xf6\\xdfe', overwrite=False)"
    )
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert os.listdir(tmp_path / "ascii") == os.listdir(tmp_path / "out") == ["größe"]
