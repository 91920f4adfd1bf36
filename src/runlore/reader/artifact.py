"""One artifact of a run: its contents, and the object that they hold."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.errors import ArtifactNotFound
from runlore.reader.facts import as_step

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from runlore.index.records import ArtifactRecord
    from runlore.store.base import Store


@dataclass(frozen=True, repr=False)
class Artifact:
    """An artifact as one event recorded it. The same name logged again is another `Artifact`, a later version.

    Attributes:
        name: within the run; `/` makes folders.
        step: where in the run it belongs, an int where it is integral; or None.
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
    _store: Store = field(repr=False, compare=False)

    @classmethod
    def of(cls, record: ArtifactRecord, store: Store) -> Artifact:
        """The artifact that an index knows.

        Args:
            record: as the index gives it.
            store: where the contents are.
        """
        return cls(
            record.name, as_step(record.step), record.digest, record.size, record.media_type, record.kind,
            dict(record.metadata), record.time_ns, store,
        )  # fmt: skip

    def __repr__(self) -> str:
        at = "" if self.step is None else f" step={self.step}"
        size = "" if self.size is None else f", {self.size:,} bytes"
        return f"<Artifact {self.name!r} {self.kind}{at} ({self.media_type or 'no media type'}{size})>"

    def _repr_html_(self) -> str:
        """What it is, and the picture if it is one, for notebooks."""
        from runlore.reader import shown

        return shown.artifact_html(self)

    @property
    def path(self) -> str:
        """A file that holds the contents. It belongs to the store: read it, do not change it.

        A store that keeps no files on this machine fetches them first. What the file holds is not checked; `load`,
        `read_bytes` and `download` do that.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
        """
        with self._named():
            return self._store.content_path(self._digest())

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say whose contents are gone."""
        try:
            yield
        except ArtifactNotFound as error:
            raise ArtifactNotFound(f"artifact {self.name!r} cannot be read: {error}") from error

    def _digest(self) -> str:
        if self.digest is None:
            raise ArtifactNotFound("it is a reference; the store keeps no contents of it")
        return self.digest

    def open(self) -> BinaryIO:
        """The contents as a binary file, for reading.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
        """
        with self._named():
            return self._store.open_content(self._digest())

    def read_bytes(self) -> bytes:
        """The contents.

        Raises:
            ArtifactNotFound: the artifact has none, or they are gone.
            DamagedFile: they are not what was logged.
        """
        from runlore.store.contents import read_content

        with self._named():
            return read_content(self._store, self._digest())

    def read_text(self) -> str:
        """The contents as UTF-8 text. Raises as `read_bytes`."""
        return self.read_bytes().decode("utf-8")

    def load(self, *, allow_pickle: bool = False, **options: Any) -> Any:
        """The object that was logged: an image, a DataFrame, a model, a figure.

        Args:
            allow_pickle: load a pickle, which runs code that the file brings. Only for files that you trust.
            options: for the kind at hand, for example `as_array=True` for images; see `runlore.media.decode`.

        Raises:
            ArtifactNotFound, DamagedFile: as for `read_bytes`.
            UnsafeLoad: it is a pickle, and `allow_pickle` is false.
            MissingDependency: a library is needed that is not installed.
        """
        from runlore.media import decode
        from runlore.store.contents import checked_path

        with self._named():
            path = checked_path(self._store, self._digest())
        return decode(self.kind, self.media_type or "", self.metadata, path, allow_pickle=allow_pickle, **options)

    def download(self, directory: str | os.PathLike[str] = ".", *, overwrite: bool = False) -> str:
        """Copy the contents into a directory, under the artifact's name, and return the path of the copy.

        A name that cannot be one of a file becomes one in the way that `runlore.reader.saving` describes: the copy is
        always within the directory.

        Raises:
            FileExistsError: something is there, and `overwrite` is false.
            InvalidName: a link in the directory leads out of it.
            ArtifactNotFound, DamagedFile: as for `read_bytes`. Nothing was copied.
        """
        from runlore.reader.saving import file_path

        return self.save_as(directory, file_path(self.name), overwrite=overwrite)

    def save_as(self, directory: str | os.PathLike[str], path: str, *, overwrite: bool = False) -> str:
        """Copy the contents to a path below a directory, as `runlore.reader.saving.file_paths` gives it.

        Raises:
            FileExistsError, InvalidName, ArtifactNotFound, DamagedFile: as `download`.
        """
        from runlore.reader.saving import save
        from runlore.store.contents import copy_content

        with self._named():
            digest = self._digest()
            return save(lambda target: copy_content(self._store, digest, target), directory, path, overwrite=overwrite)
