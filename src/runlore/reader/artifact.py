"""One artifact of a run: its contents, and the object that they hold."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.errors import ArtifactNotFound
from runlore.reader.saving import file_path, save

if TYPE_CHECKING:
    from runlore.store import DirectoryStore


@dataclass(frozen=True)
class Artifact:
    """An artifact as one event recorded it. The same name logged again is another `Artifact`, a later version.

    Attributes:
        name: within the run; `/` makes folders.
        step: where in the run it belongs, or None.
        digest: SHA-256 of the contents in hex; None for a reference without contents.
        size: of the contents, in bytes.
        media_type: such as `image/png`.
        kind: `file`, `model`, `image`, `table` …
        metadata: whatever else was recorded of it.
        time_ns: when it was logged.
    """

    name: str
    step: float | None
    digest: str | None
    size: int | None
    media_type: str | None
    kind: str
    metadata: dict[str, Any]
    time_ns: int
    _store: DirectoryStore = field(repr=False, compare=False)

    @property
    def path(self) -> str:
        """The file that holds the contents. It belongs to the store: read it, do not change it.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
        """
        if self.digest is None:
            raise ArtifactNotFound(f"artifact {self.name!r} is a reference; the store keeps no contents of it")
        path = self._store.blob_path(self.digest)
        if not os.path.exists(path):
            raise ArtifactNotFound(
                f"the contents of artifact {self.name!r} (sha256 {self.digest}) are not in the store. Either they were "
                "removed by a retention rule (the run's `removed` events say so), or `runlore doctor` lists the damage"
            )
        return path

    def open(self) -> BinaryIO:
        """The contents as a binary file, for reading."""
        return open(self.path, "rb")

    def read_bytes(self) -> bytes:
        """The contents."""
        with self.open() as file:
            return file.read()

    def read_text(self) -> str:
        """The contents as UTF-8 text."""
        return self.read_bytes().decode("utf-8")

    def load(self, *, allow_pickle: bool = False, **options: Any) -> Any:
        """The object that was logged: an image, a DataFrame, a model, a figure.

        Args:
            allow_pickle: load a pickle, which runs code that the file brings. Only for files that you trust.
            options: for the kind at hand, for example `as_array=True` for images; see `runlore.media.decode`.

        Raises:
            UnsafeLoad: it is a pickle, and `allow_pickle` is false.
            MissingDependency: a library is needed that is not installed.
        """
        from runlore.media import decode

        return decode(
            self.kind, self.media_type or "", self.metadata, self.path, allow_pickle=allow_pickle, **options
        )  # fmt: skip

    def download(self, directory: str | os.PathLike[str] = ".", *, overwrite: bool = False) -> str:
        """Copy the contents into a directory, under the artifact's name, and return the path of the copy.

        A name that cannot be one of a file becomes one in the way that `runlore.reader.saving` describes: the copy is
        always within the directory.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
            FileExistsError: something is there, and `overwrite` is false.
            InvalidName: a link in the directory leads out of it.
        """
        return self.save_as(directory, file_path(self.name), overwrite=overwrite)

    def save_as(self, directory: str | os.PathLike[str], path: str, *, overwrite: bool = False) -> str:
        """Copy the contents to a path below a directory, as `runlore.reader.saving.file_paths` gives it.

        Raises:
            ArtifactNotFound, FileExistsError, InvalidName: as `download`.
        """
        source = self.path
        return save(lambda target: shutil.copyfile(source, target), directory, path, overwrite=overwrite)
