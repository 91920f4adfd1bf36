"""Aim's repository: which runs there are, what they are called, and what each recorded."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers._folders import folders_in
from runlore.importers._json_values import iso_ns, leaves
from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, File, Source, SourceRun
from runlore.importers._sqlite import read_database
from runlore.importers.aim.rocksdb import Database
from runlore.importers.aim.sequences import Sequences
from runlore.importers.aim.tree import nested, ns_of, read_path, read_value
from runlore.model import PARAM, SUCCEEDED, TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import Record
    from runlore.importers.aim.tree import Path

KIND = "aim"
FOLDER = ".aim"

_RUNS = "run_metadata.sqlite"
_SYSTEM = "__system_params"
"""An attribute of Aim's own: packages, arguments, environment, Git."""
_UNNAMED = "default"
"""What Aim calls the experiment of runs that were given none."""


@dataclass
class TrackedRun(SourceRun):
    """A run: a RocksDB for what is said of it, and one for its sequences."""

    root: str = field(kw_only=True)
    tags: tuple[str, ...] = ()

    def records(self) -> Iterator[Record]:
        """Params, tags, series, objects, and the end, where Aim knows it."""
        yield from (Fact(TAG, tag, "") for tag in self.tags)
        meta = Database(os.path.join(self.root, "meta", "chunks", self.id))
        attributes, contexts, ended_ns = self._said(meta)
        for key, value in leaves(attributes):
            if not key.startswith(_SYSTEM):
                yield Fact(PARAM, key, value)
        if attributes.get(_SYSTEM):
            yield File("system_params.json", json.dumps(attributes[_SYSTEM], indent=1).encode(), "json")
        sequences = Sequences(Database(os.path.join(self.root, "seqs", "chunks", self.id)), contexts, self.problems)
        yield from sequences.records()
        self.problems += [f"left out of what is said of the run: {damage}" for damage in meta.damage]
        if ended_ns:
            yield End(SUCCEEDED, ended_ns)

    def _said(self, meta: Database) -> tuple[dict[str, Any], dict[int, dict[str, Any]], int]:
        """Attributes, contexts by their hash, and the end in ns since 1970; 0: there was none."""
        found: dict[Path, Any] = {}
        for key, data in meta.items():
            if key.startswith(b"meta\xfechunks\xfe"):
                path = read_path(key)
                if path[2] == self.id and path[3:4] and path[3] in ("attrs", "contexts", "end_time"):
                    found[path[3:]] = read_value(data)
        tree = nested(found)
        contexts = {key: _object(said) for key, said in _object(tree.get("contexts")).items()}
        return _object(tree.get("attrs")), contexts, ns_of(tree.get("end_time"))


def _object(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


class Repository(Source):
    """The runs of a repository.

    Args:
        path: the folder `.aim`, or the one that has it.

    Raises:
        NotFound: it is no folder.
    """

    kind = KIND

    def __init__(self, path: str) -> None:
        if not os.path.isdir(path):
            raise NotFound(f"{path!r} is no folder; name the folder .aim, or the one that has it")
        self.location = path
        self.problems: list[str] = []
        inside = os.path.join(path, FOLDER)
        self._root = inside if os.path.isdir(inside) else path

    def runs(self) -> list[TrackedRun]:
        """All runs, by their start.

        Raises:
            InvalidArgument: it is no repository of Aim.
        """
        chunks = os.path.join(self._root, "meta", "chunks")
        if not os.path.isdir(chunks):
            raise InvalidArgument(f"{self.location!r} is no repository of Aim: it has no meta/chunks")
        try:
            named = _named(os.path.join(self._root, _RUNS))
        except DamagedFile as error:
            self.problems.append(f"left out: names, experiments and tags: {error}")
            named = {}
        names = [name for name, _ in folders_in(chunks)]
        self.problems += [f"left out: run {name}, which has no folder" for name in named if name not in names]
        found = [self._run(name, os.path.join(chunks, name), named.get(name, {})) for name in names]
        return sorted(found, key=lambda run: (run.started_ns, run.id))

    def _run(self, name: str, folder: str, said: dict[str, Any]) -> TrackedRun:
        started = iso_ns(said["created"]) if said else int(os.stat(folder).st_mtime * 1e9)
        about = {"name": said.get("name"), "description": said.get("description")}
        return TrackedRun(
            name, uid_of(KIND, name, 0), said.get("experiment") or _UNNAMED, started,
            {key: value for key, value in about.items() if value}, is_start_guessed=not said,
            root=self._root, tags=tuple(said.get("tags", ())),
        )  # fmt: skip


def _named(path: str) -> dict[str, dict[str, Any]]:
    """What the database says of runs, by their hash.

    Raises:
        DamagedFile: it cannot be read, or lacks a table.
    """
    with read_database(path) as connection:
        rows = connection.execute(
            "SELECT run.hash, run.name, run.description, run.created_at, experiment.name FROM run "
            "LEFT JOIN experiment ON experiment.id = run.experiment_id"
        ).fetchall()
        tags = connection.execute(
            "SELECT run.hash, tag.name FROM run_tag JOIN run ON run.id = run_tag.run_id "
            "JOIN tag ON tag.id = run_tag.tag_id ORDER BY tag.name"
        ).fetchall()
    found: dict[str, dict[str, Any]] = {
        str(key): {"name": name, "description": description, "created": created, "experiment": experiment, "tags": []}
        for key, name, description, created, experiment in rows
    }
    for key, tag in tags:
        if str(key) in found:
            found[str(key)]["tags"].append(str(tag))
    return found
