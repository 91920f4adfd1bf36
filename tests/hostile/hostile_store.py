"""A store with one of everything, and ways to put something wrong in the place of one entry of it."""

from __future__ import annotations

import os
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import runlore
from runlore import registry
from runlore.journal import open_journal
from runlore.store import claims
from runlore.store.sealed.sealing import seal_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = b"a secret that is not in the store"


def make_store(root: Path) -> None:
    """Experiments `good` and `evil`, each with an ended run, a sealed one and a dead one; cards, claims, contents."""
    for name in ("good", "evil"):
        for number in range(3):
            run = runlore.start(name, store=root, capture=False, params={"lr": 0.5})
            for step in range(4):
                run.log_metric("loss", 1 / (step + 1), step=step)
            run.log_artifact(f"weights of {name} {number}".encode(), "weights.bin")
            run.finish()
            if number == 1:
                seal_run(run.store, run.path)
            elif number == 2:
                _leave_a_dead_writer(run)
        with runlore.start(f"{name}/below", store=root, capture=False) as run:
            run.log_metric("loss", 0.5, step=0)
        card = registry.register("model", name, "tree", artifacts={"tree": f"leaves of {name}".encode()}, store=root)
        registry.tag(card, "checked")
        claims.claim(str(root), "luml", name, {"uid": run.uid, "time_ns": time.time_ns()})


def _leave_a_dead_writer(run: runlore.Run) -> None:
    """A second journal of the run that was never closed, whose lock file is still there."""
    journal = open_journal(os.path.join(run.path, "journal"), run.uid)
    journal.scalar("late", 1.0, 0)
    shutil.copyfile(journal.path, journal.path + ".copy")
    journal.close()
    os.replace(journal.path + ".copy", journal.path)
    Path(journal.path).with_suffix(".lock").touch()


# -- places -----------------------------------------------------------------------------------------------------------


def _only(paths: Iterator[Path]) -> Path:
    (path,) = paths
    return path


def _run(root: Path, number: int) -> Path:
    """The directory of a run of `evil`, found by the claim of its number."""
    return root / "runs" / "evil" / (root / "numbers" / "evil" / str(number)).read_text("ascii")


def _blob(root: Path) -> Path:
    """The contents that only a run of `evil` has."""
    return _only(path for path in root.glob("blobs/*/*") if path.read_bytes() == b"weights of evil 0")


PLACES: dict[str, Callable[[Path], Path]] = {
    "experiment": lambda root: root / "runs/evil",
    "stray name": lambda root: root / "runs/stray",
    "stray uid": lambda root: root / "runs/evil" / ("0" * 31 + "1"),
    "uid of the far future": lambda root: root / "runs/evil" / ("a" * 32),
    "name that is no text": lambda root: root / "runs/evil" / os.fsdecode(b"\xff\xfe"),
    "run": lambda root: _run(root, 1),
    "sealed run": lambda root: _run(root, 2),
    "journals": lambda root: _run(root, 1) / "journal",
    "journal": lambda root: _only((_run(root, 1) / "journal").glob("*.rlj")),
    "second journal": lambda root: _run(root, 1) / "journal" / ("0" * 32 + ".rlj"),
    "journal beside sealed files": lambda root: _run(root, 2) / "journal" / ("0" * 32 + ".rlj"),
    "lock": lambda root: _only((_run(root, 3) / "journal").glob("*.lock")),
    "events": lambda root: _run(root, 2) / "events.parquet",
    "metrics": lambda root: _run(root, 2) / "metrics.parquet",
    "metrics of a generation": lambda root: _run(root, 2) / "metrics-0.parquet",
    "half-written sealed file": lambda root: _run(root, 2) / "sealing-0-events.tmp",
    "lock for sealing": lambda root: _run(root, 1) / "seal.lock",
    "damaged journals": lambda root: _run(root, 1) / "damaged",
    "damaged journal": lambda root: _made(_run(root, 1) / "damaged") / "0.rlj",
    "segments": lambda root: _run(root, 1) / "segments",
    "stray file of a run": lambda root: _run(root, 1) / "stray",
    "numbers": lambda root: root / "numbers/evil",
    "number": lambda root: root / "numbers/evil/1",
    "number of nobody": lambda root: root / "numbers/evil/4",
    "namespace of claims": lambda root: root / "claims/other",
    "claim": lambda root: root / "claims/luml/evil",
    "about of a claim": lambda root: root / "claims/luml/evil/about",
    "kind of cards": lambda root: root / "cards/other",
    "space of cards": lambda root: root / "cards/model/evil",
    "name of cards": lambda root: root / "cards/model/evil/tree",
    "version of a card": lambda root: root / "cards/model/evil/tree/0.1.0",
    "card.json": lambda root: root / "cards/model/evil/tree/0.1.0/card.json",
    "journals of a card": lambda root: root / "cards/model/evil/tree/0.1.0/journal",
    "journal of a card": lambda root: _only((root / "cards/model/evil/tree/0.1.0/journal").glob("*.rlj")),
    "stray file of a card": lambda root: root / "cards/model/evil/tree/0.1.0/stray",
    "folder of contents": lambda root: root / "blobs/zz",
    "contents": _blob,
    "contents of a known digest": lambda root: _made(root / "blobs/00") / ("0" * 64),
    "format": lambda root: root / "format",
    "catalog": lambda root: root / "catalog.sqlite",
    "catalog's log": lambda root: root / "catalog.sqlite-wal",
    "catalog's index of the log": lambda root: root / "catalog.sqlite-shm",
    "catalog's journal": lambda root: root / "catalog.sqlite-journal",
    "removed": lambda root: root / "removed",
    "trash": lambda root: root / "trash",
    "incoming": lambda root: root / "incoming",
    "lock for deleting": lambda root: root / "numbers.lock",
    "stray file of the store": lambda root: root / "stray",
    ".gitignore": lambda root: root / ".gitignore",
}
"""What an entry is → its path. Nothing of the experiment `good` is among them."""

SHARED: dict[str, Callable[[Path], Path]] = {
    name: lambda root, name=name: root / name for name in ("runs", "numbers", "claims", "cards", "blobs")
}
"""Directories that hold what is good as well: commands may fail on these, in one line."""


def _made(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    return directory


# -- what is put there ------------------------------------------------------------------------------------------------


def _link_to_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "secret")


def _link_to_directory(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _link_upwards(path: Path, _: Path) -> None:
    path.symlink_to("..")


def _dangling_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "nothing")


def _link_to_itself(path: Path, _: Path) -> None:
    path.symlink_to(path.name)


def _socket(path: Path, _: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # the path of a socket has to be short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)


def _full_directory(path: Path, _: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(b"something")


WRONG: dict[str, Callable[[Path, Path], None]] = {
    "nothing": lambda path, _: None,
    "empty file": lambda path, _: path.touch(),
    "random bytes": lambda path, _: path.write_bytes(bytes(range(256)) * 16),
    "deep JSON": lambda path, _: path.write_bytes(b"[" * 200_000),
    "directory": lambda path, _: path.mkdir(),
    "full directory": _full_directory,
    "link to a file outside": _link_to_file,
    "link to a directory outside": _link_to_directory,
    "link upwards": _link_upwards,
    "dangling link": _dangling_link,
    "link to itself": _link_to_itself,
    "FIFO": lambda path, _: os.mkfifo(path),
    "socket": _socket,
}


def spoil(path: Path, wrong: str, outside: Path) -> None:
    """Put something wrong in the place of an entry, or where none was.

    Args:
        path: of the entry.
        wrong: which of `WRONG`.
        outside: a directory outside of the store, with a file `secret`.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
    WRONG[wrong](path, outside)
