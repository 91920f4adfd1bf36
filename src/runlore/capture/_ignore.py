"""Which files a `.gitignore` leaves out: the repository's, nested ones, and `.git/info/exclude`. Uses pathspec."""

from __future__ import annotations

import os
from typing import Any


class Ignored:
    """Answers whether git would ignore a path of this tree.

    As in git, the last matching pattern decides, a deeper `.gitignore` outweighs a higher one, and nothing below an
    ignored directory can come back: the caller does not descend into one.

    Args:
        top: where `.gitignore` files begin to count: the repository's root, or the tree itself.
    """

    def __init__(self, top: str) -> None:
        self._top = top
        self._specs: dict[str, Any] = {}
        self._exclude = self._load(os.path.join(top, ".git", "info", "exclude"))

    def __call__(self, path: str, *, is_directory: bool) -> bool:
        """Whether the path (absolute, below the top) is ignored."""
        relative = os.path.relpath(path, self._top).replace(os.sep, "/")
        parts = relative.split("/")
        for depth in range(len(parts) - 1, -1, -1):
            directory = os.path.join(self._top, *parts[:depth])
            verdict = self._verdict(self._spec(directory), "/".join(parts[depth:]), is_directory=is_directory)
            if verdict is not None:
                return verdict
        return bool(self._verdict(self._exclude, relative, is_directory=is_directory))

    def _spec(self, directory: str) -> Any:
        if directory not in self._specs:
            self._specs[directory] = self._load(os.path.join(directory, ".gitignore"))
        return self._specs[directory]

    @staticmethod
    def _verdict(spec: Any, path: str, *, is_directory: bool) -> bool | None:
        if spec is None:
            return None
        verdict: bool | None = spec.check_file(f"{path}/" if is_directory else path).include
        return verdict

    @staticmethod
    def _load(path: str) -> Any:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return None  # there is none here
        import pathspec

        return pathspec.GitIgnoreSpec.from_lines(lines)
