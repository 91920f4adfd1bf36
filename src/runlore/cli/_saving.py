"""Copying artifacts out of the store for `artifacts get` and `card download`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._errors import complain, describe
from runlore.cli._output import note, say
from runlore.errors import AlreadyExists

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader import Artifact
    from runlore.reader.saving import Saved


def copy_out(items: Sequence[Artifact], to: str, *, force: bool) -> Saved:
    """Copy artifacts into a directory, whatever becomes of one of them.

    Raises:
        AlreadyExists: a file is there and is not to be replaced. Nothing was copied.
        RunloreError, OSError: there was one artifact, and it could not be copied.
    """
    from runlore.reader.saving import file_paths, save_all

    for path in () if force else file_paths(item.name for item in items).values():
        where = os.path.join(to, path)
        if os.path.lexists(where):
            raise AlreadyExists(f"{where!r} exists; --force replaces it. Nothing was copied")
    saved = save_all(items, to, overwrite=force)
    if len(items) == 1:
        for error in saved.failed.values():
            raise error
    return saved


def tell_saved(saved: Saved, sizes: dict[str, int | None]) -> None:
    """Say where the copies are."""
    for name, path in saved.paths.items():
        say(f"{path}  {fmt.size(sizes[name])}".rstrip())


def tell_problems(saved: Saved) -> bool:
    """Say what has another name than its artifact, and what could not be copied; whether there was any of both."""
    for name, path in saved.renamed.items():
        note(f"saved as {path!r}, as no file can be called {_shortly(name)}")
    for name, error in saved.failed.items():
        complain(f"{_shortly(name)} was not copied: {describe(error)}")
    return bool(saved.renamed or saved.failed)


def problems_as_json(saved: Saved) -> dict[str, Any]:
    """The same for a JSON document."""
    return {
        "renamed": [{"name": name, "path": path} for name, path in saved.renamed.items()],
        "failed": [{"name": name, "error": describe(error)} for name, error in saved.failed.items()],
    }


def _shortly(name: str) -> str:
    return repr(name) if len(name) <= 100 else f"{name[:60]!r}… ({len(name):,} characters)"
