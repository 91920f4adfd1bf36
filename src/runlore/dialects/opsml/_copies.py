"""Copies of many artifacts at once, of which some may be gone."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from runlore.errors import ArtifactNotFound

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from runlore.reader.artifact import Artifact


def copy_artifacts(artifacts: Iterable[Artifact], directory: str | os.PathLike[str], *, depth: int) -> list[str]:
    """Copy contents into a directory, over what is there; returns the copies' paths.

    Artifacts whose contents are gone do not hide the others: a `RuntimeWarning` names them.

    Args:
        artifacts: which.
        directory: where to.
        depth: how many calls up the user's code is, for the warning.

    Raises:
        ArtifactNotFound: the contents of all of them are gone.
    """
    copies, problems = [], []
    for artifact in artifacts:
        try:
            copies.append(artifact.download(directory, overwrite=True))
        except ArtifactNotFound as error:  # noqa: PERF203 - one must not keep the others from being copied
            problems.append(error)
    if problems:
        text = "; ".join(map(str, problems))
        if not copies:
            raise ArtifactNotFound(f"nothing was copied: {text}") from problems[0]
        total = len(copies) + len(problems)
        warnings.warn(f"{len(copies)} of {total} artifacts were copied: {text}", RuntimeWarning, stacklevel=depth + 1)
    return copies
