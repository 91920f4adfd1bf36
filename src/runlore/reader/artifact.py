"""One artifact of a run: its contents, and the object that they hold."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.errors import ArtifactNotFound, DamagedFile, InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.store import DirectoryStore

_PIECE_BYTES = 1 << 20


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
            ArtifactNotFound, DamagedFile: as for `open`.
        """
        self.open().close()
        return self._store.blob_path(str(self.digest))

    def open(self) -> BinaryIO:
        """The contents as a binary file, for reading. Whether they are what was logged, reading all of them tells.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
            DamagedFile: something else is in their place.
        """
        if self.digest is None:
            raise ArtifactNotFound(f"artifact {self.name!r} is a reference; the store keeps no contents of it")
        try:
            return self._store.open_content(self.digest)
        except ArtifactNotFound as error:
            raise ArtifactNotFound(
                f"the contents of artifact {self.name!r} (sha256 {self.digest}) are not in the store. Either they were "
                "removed by a retention rule (the run's `removed` events say so), or `runlore doctor` lists the damage"
            ) from error

    def _pieces(self) -> Iterator[bytes]:
        """The contents, piece by piece. They are what was logged if this ends in order.

        Raises:
            ArtifactNotFound, DamagedFile: as for `open`.
            DamagedFile: at the end, if they do not have the SHA-256 that was recorded.
        """
        digest = hashlib.sha256()
        with self.open() as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                yield piece
        if digest.hexdigest() != self.digest:
            raise DamagedFile(
                f"the contents of artifact {self.name!r} are not what was logged: their SHA-256 is "
                f"{digest.hexdigest()}, and {self.digest} was recorded. `runlore doctor --repair` moves them aside; "
                "`runlore merge` brings them from a store that has them"
            )

    def read_bytes(self) -> bytes:
        """The contents, which are what was logged.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
            DamagedFile: they are not what was logged.
        """
        return b"".join(self._pieces())

    def _copy_to(self, path: str | os.PathLike[str]) -> None:
        """Copy the contents into a new file.

        Raises:
            ArtifactNotFound: the artifact has no contents, or they are gone.
            DamagedFile: they are not what was logged. The file is not there then.
            FileExistsError: something is there.
        """
        with open(path, "xb") as target:
            try:
                target.writelines(self._pieces())
            except BaseException:
                os.unlink(path)
                raise

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
            ArtifactNotFound: the artifact has no contents, or they are gone.
            DamagedFile: they are not what was logged.
            MissingDependency: a library is needed that is not installed.
        """
        from runlore.media import decode

        for _ in self._pieces():
            pass  # what is loaded is what was logged
        return decode(
            self.kind, self.media_type or "", self.metadata, self.path, allow_pickle=allow_pickle, **options
        )  # fmt: skip

    def download(self, directory: str | os.PathLike[str] = ".", *, overwrite: bool = False) -> str:
        """Copy the contents into a directory, under the artifact's name, and return the path of the copy.

        Raises:
            InvalidName: the name would leave the directory.
            FileExistsError: the file exists and `overwrite` is false.
        """
        root = os.path.realpath(os.fspath(directory))
        target = os.path.realpath(os.path.join(root, *self.name.split("/")))
        if os.path.commonpath([root, target]) != root or target == root:
            raise InvalidName(f"artifact name {self.name!r} would leave the directory {root!r}")
        if os.path.exists(target) and not overwrite:
            raise FileExistsError(f"{target!r} exists; pass overwrite=True to replace it")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = f"{target}.{os.getpid()}.part"
        self._copy_to(temporary)
        os.replace(temporary, target)
        return target
