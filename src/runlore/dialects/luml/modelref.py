"""`luml.modelref`: a saved model, its manifest, its files, and what was attached to it."""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

from runlore.dialects.luml._archive import append
from runlore.model import new_uid

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["ModelReference"]

_META = re.compile(r"meta(-[0-9a-f]+)?\.json").fullmatch


class ModelReference:
    """A model file: an uncompressed tar with `manifest.json`, the model, and whatever was attached later.

    Nothing in it is ever unpickled or executed here.

    Args:
        path: of the file.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> from runlore.dialects.luml.integrations.sklearn import save_sklearn
        >>> reference = save_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), [[0.5]], path="line.luml")
        >>> reference.validate(), reference.get_manifest()["variant"]
        (True, 'pyfunc')
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(path)

    def __repr__(self) -> str:
        return f"ModelReference({self.path!r})"

    def list_files(self) -> list[str]:
        """Names of the files in the archive."""
        with tarfile.open(self.path, "r:") as archive:
            return [member.name for member in archive if member.isfile()]

    def extract_file(self, name: str) -> bytes:
        """The contents of one file of the archive.

        Raises:
            KeyError: it has no such file.
        """
        with tarfile.open(self.path, "r:") as archive:
            file = archive.extractfile(archive.getmember(name))
            if file is None:
                raise KeyError(name)
            return file.read()

    def get_manifest(self) -> dict[str, Any]:
        """What the archive says of the model: name, version, inputs, outputs, producer."""
        return dict(json.loads(self.extract_file("manifest.json")))

    def metadata(self) -> list[dict[str, Any]]:
        """What was attached, from `meta.json` and every `meta-*.json`: id, tags, payload."""
        names = [name for name in self.list_files() if _META(name)]
        return [entry for name in names for entry in json.loads(self.extract_file(name))]

    def read(self) -> dict[str, Any]:
        """Everything that describes the model: `manifest`, `metadata`, `files`."""
        return {"manifest": self.get_manifest(), "metadata": self.metadata(), "files": self.list_files()}

    def validate(self) -> bool:
        """Whether the file is a readable archive with a manifest and well-formed metadata."""
        try:
            about = self.read()
        except (OSError, tarfile.TarError, KeyError, ValueError, TypeError):
            return False
        return bool(about["manifest"]) and all("id" in entry and "tags" in entry for entry in about["metadata"])

    def add_model_card(self, html_content: Any) -> None:
        """Attach a page that describes the model: HTML, or an object with `build()` that gives it."""
        html = html_content if isinstance(html_content, str) else html_content.build()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("index.html", html)
        self.attach("luml::model_card:v1", {"model_card.zip": packed.getvalue()})

    def attach(self, tag: str, files: Mapping[str, bytes | str], payload: Mapping[str, Any] | None = None) -> str:
        """Attach files under a tag; what was attached before stays. All of it, or nothing.

        Args:
            tag: what the files are, such as `luml::model_card:v1`.
            files: names to contents, or to the paths of files that hold them.
            payload: anything that can be JSON.

        Returns:
            The id under which they are: their folder in `meta_artifacts/`.

        Raises:
            ArtifactNotFound: there is no model file.
            DamagedFile: it is no archive. It was not changed.
        """
        identifier = f"{tag.replace(':', '~c~').replace('/', '~s~')}~~et~~{new_uid()}"
        entry = [{"id": identifier, "tags": [tag], "payload": dict(payload or {})}]
        members: dict[str, bytes | str] = {f"meta-{new_uid()}.json": json.dumps(entry).encode()}
        members |= {f"meta_artifacts/{identifier}/{name}": content for name, content in files.items()}
        append(self.path, members)
        return identifier
