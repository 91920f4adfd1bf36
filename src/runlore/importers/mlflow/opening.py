"""Which of MLflow's ways of keeping runs an address means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from runlore.importers._records import Source

_SQLITE = b"SQLite format 3\0"


def open_source(address: str, *, artifacts: str | None = None) -> Source:
    """The runs of MLflow at an address.

    Args:
        address: a directory `mlruns`; a SQLite database, also as `sqlite:///…`; `http(s)://…`, a tracking server.
        artifacts: the directory that holds the artifacts of a database's runs, with a folder for each experiment; None:
            `mlruns` or `mlartifacts` beside it, where there is one.

    Raises:
        NotFound: nothing is there.
        InvalidArgument: it is none of these.
    """
    if address.startswith(("http://", "https://")):
        from runlore.importers.mlflow.server import ServerSource

        return ServerSource(address)
    path = address.removeprefix("sqlite:///").removeprefix("file://")
    if os.path.isdir(path):
        from runlore.importers.mlflow.directory import DirectorySource

        return DirectorySource(path)
    if not os.path.exists(path):
        raise NotFound(f"{address!r}: nothing is there; name a directory mlruns, a mlflow.db, or https://…")
    with open(path, "rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            raise InvalidArgument(f"{address!r} is no SQLite database, no directory mlruns and no https://…")
    from runlore.importers.mlflow.database import DatabaseSource

    return DatabaseSource(path, artifacts)
