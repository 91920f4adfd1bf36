"""One card, for reading."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from runlore.errors import ArtifactNotFound, InvalidArgument
from runlore.store.cards import CardName
from runlore.versions import Version

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from runlore.index.records import CardRecord
    from runlore.reader.artifact import Artifact
    from runlore.store.base import Store


@dataclass(frozen=True)
class Card:
    """A registered version. What is said of it is that of the moment when it was read.

    Attributes:
        kind: `data`, `model`, `run`, or a word of your own.
        space: who or what the name belongs to, such as a team; may contain `/`.
        name: the name within kind and space.
        version: semantic version as text; `Version.parse(card.version)` orders.
        uid: 32 hex digits, sortable by time, unique everywhere.
        created_ns: when it was registered, nanoseconds since 1970 UTC.
        updated_ns: when something was last said of it.
        user, host: who registered it, and where.
        description: text, or None.
        metadata: JSON-able facts, as registered.
        run: uid of the run that registered it, or None.
        run_role: what the card is to that run: `output`, `input`, or `record` where it describes the run itself.
        inputs: uids of the cards that it was made from.
        aliases: such as `champion`; of all versions of a name, one has it.
        tags: by key.
        note: text for people, or None.
        stage: such as `production`, or None.
        deleted: whether it is deleted; found only when asked for.
        damage: what could not be read of it, in words; empty when all is well.
    """

    kind: str
    space: str
    name: str
    version: str
    uid: str
    created_ns: int
    updated_ns: int
    user: str | None
    host: str | None
    description: str | None
    metadata: dict[str, Any]
    run: str | None
    run_role: str | None
    inputs: tuple[str, ...]
    aliases: tuple[str, ...]
    tags: dict[str, str]
    note: str | None
    stage: str | None
    deleted: bool
    damage: tuple[str, ...]
    _artifacts: tuple[Mapping[str, Any], ...] = field(repr=False, compare=False)
    _store: Store = field(repr=False, compare=False)

    @classmethod
    def of(cls, record: CardRecord, store: Store) -> Card:
        """The card that an index knows.

        Args:
            record: as the index gives it.
            store: where it is registered.
        """
        said = {item.name: getattr(record, item.name) for item in fields(cls) if not item.name.startswith("_")}
        said |= {"metadata": dict(record.metadata), "tags": dict(record.tags)}
        return cls(**said, _artifacts=record.artifacts, _store=store)

    def __str__(self) -> str:
        return f"{self.kind}/{self.space}/{self.name}@{self.version}"

    def __hash__(self) -> int:
        return hash(self.uid)

    @property
    def card_name(self) -> CardName:
        """Kind, space and name."""
        return CardName(self.kind, self.space, self.name)

    @property
    def store(self) -> Store:
        """Where it is registered."""
        return self._store

    @property
    def directory(self) -> str:
        """The directory in which it lies.

        Raises:
            NotLocal: its store keeps it elsewhere than in a directory of this machine.
        """
        return self._store.card_directory(self.card_name, self.version)

    @property
    def semantic_version(self) -> Version:
        """The version, for comparing."""
        return Version.parse(self.version)

    def artifacts(self) -> list[Artifact]:
        """Its contents, by name."""
        from runlore.reader.artifact import Artifact

        return [
            Artifact(
                item["name"], None, item.get("digest"), item.get("size"), item.get("media_type"),
                item.get("kind") or "file", item.get("metadata") or {}, self.created_ns, self._store,
            )
            for item in sorted(self._artifacts, key=lambda item: str(item["name"]))
        ]  # fmt: skip

    def artifact(self, name: str) -> Artifact:
        """One of its contents.

        Raises:
            ArtifactNotFound: it has none of this name.
        """
        for item in self.artifacts():
            if item.name == name:
                return item
        names = ", ".join(repr(item["name"]) for item in self._artifacts) or "nothing"
        raise ArtifactNotFound(f"card {self} has no artifact {name!r}; it has {names}")

    def load(self, name: str | None = None, *, allow_pickle: bool = False, **options: Any) -> Any:
        """The object that was registered under a name; without a name, the only one.

        Args:
            name: of the artifact.
            allow_pickle: load a pickle, which runs code that it brings. Only for cards that you trust.
            options: for the kind at hand; see `runlore.media.decode`.

        Raises:
            ArtifactNotFound: there is no such artifact.
            InvalidArgument: no name is given, and the card has several artifacts.
            UnsafeLoad: it is a pickle, and `allow_pickle` is false.
        """
        if name is None:
            if len(self._artifacts) != 1:
                names = ", ".join(repr(item["name"]) for item in self._artifacts) or "none"
                raise InvalidArgument(f"name=None: card {self} has several artifacts, or none ({names}); name one")
            name = str(self._artifacts[0]["name"])
        return self.artifact(name).load(allow_pickle=allow_pickle, **options)

    def download(self, directory: str | os.PathLike[str] = ".", *, overwrite: bool = False) -> list[str]:
        """Copy all contents into a directory, under their names; returns the paths of the copies.

        Names that cannot be files become some as `runlore.reader.saving` describes. What cannot be copied does not
        keep the rest from being copied; the first such error is raised at the end.

        Raises:
            ArtifactNotFound: the contents of one are gone.
            FileExistsError: a file exists and `overwrite` is false. Nothing was copied over it.
        """
        from runlore.reader.saving import save_all

        saved = save_all(self.artifacts(), directory, overwrite=overwrite)
        for error in saved.failed.values():
            raise error
        return list(saved.paths.values())
