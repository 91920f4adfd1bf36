"""A store in memory: dictionaries, and nothing that could be wrong about them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import weakref
from io import BytesIO
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import AlreadyExists, ArtifactNotFound, RunNotFound
from runlore.index.store import IndexedStore
from runlore.names import check_key
from runlore.testing.memory_run import MemoryRun

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from runlore.index.base import Index
    from runlore.store.base import Fact
    from runlore.store.cards import CardName
    from runlore.store.content import RunPoints, StoredEvent
    from runlore.versions import Version


class CardFact(NamedTuple):
    """What was said of a card after it was registered."""

    kind: str
    key: str
    value: Any
    time_ns: int


class MemoryCard:
    """A claimed version: a card once `about` is there."""

    def __init__(self) -> None:
        self.about: dict[str, Any] | None = None
        self.facts: list[CardFact] = []


class MemoryStore(IndexedStore):
    """Keeps runs, contents and cards for as long as it exists. One process; threads may share it.

    Example:
        >>> store = MemoryStore()
        >>> store.create_run("iris", "0" * 32), store.create_run("iris", "0" * 32)
        (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._files: str | None = None
        self.recorded: dict[str, MemoryRun] = {}
        self.numbers: dict[str, int] = {}
        self.claims_: dict[tuple[str, str], dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.cards: dict[CardName, dict[Version, MemoryCard]] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self.recorded)} runs>"

    @property
    def location(self) -> str:  # noqa: D102 - described by the contract
        return f"memory:{id(self):x}"

    def index(self) -> Index:
        """The index of this store: it looks at the lists."""
        from runlore.testing.memory_index import MemoryIndex

        return MemoryIndex(self)

    # -- runs ---------------------------------------------------------------------------------------------------

    def create_run(self, experiment: str, uid: str) -> bool:  # noqa: D102
        with self._lock:
            known = self.recorded.get(uid)
            if known is not None and known.experiment == experiment:
                return False
            self.recorded[uid] = MemoryRun(uid, experiment)
            return True

    def abandon_run(self, experiment: str, uid: str) -> None:  # noqa: D102
        with self._lock:
            known = self.recorded.get(uid)
            if known is not None and known.experiment == experiment and not (known.events_ or known.points_):
                del self.recorded[uid]

    def open_run(self, uid: str, *, experiment: str | None = None) -> MemoryRun:  # noqa: D102
        run = self.recorded.get(uid)
        if run is None or experiment not in (None, run.experiment):
            raise RunNotFound(f"no run has the uid {uid!r} in the store {self.location!r}")
        return run

    def points(  # noqa: D102
        self, uids: Sequence[str], keys: Collection[str] | None = None, *, experiment: str | None = None  # noqa: ARG002
    ) -> Iterator[tuple[str, RunPoints]]:  # fmt: skip
        for uid in uids:
            if uid in self.recorded:
                yield uid, self.recorded[uid].points(keys)

    def events(  # noqa: D102
        self, uids: Sequence[str], kinds: Collection[str] | None = None, *, experiment: str | None = None  # noqa: ARG002
    ) -> Iterator[tuple[str, list[StoredEvent]]]:  # fmt: skip
        for uid in uids:
            if uid in self.recorded:
                yield uid, self.recorded[uid].events(kinds)

    def delete_experiment(self, experiment: str) -> int:  # noqa: D102
        with self._lock:
            mine = [uid for uid, run in self.recorded.items() if run.experiment == experiment]
            for uid in mine:
                self.recorded.pop(uid).gone = True
            self.numbers.pop(experiment, None)
        return len(mine)

    # -- claims -------------------------------------------------------------------------------------------------

    def claim_number(self, experiment: str, uid: str) -> int:  # noqa: ARG002, D102 - who has it is not asked for
        with self._lock:
            self.numbers[experiment] = self.numbers.get(experiment, 0) + 1
            return self.numbers[experiment]

    def claim(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        kept = json.loads(json.dumps({**about, "name": name}))
        with self._lock:
            return self.claims_.setdefault((namespace, name), kept) is kept

    def claimed(self, namespace: str, name: str) -> dict[str, Any] | None:  # noqa: D102
        found = self.claims_.get((namespace, name))
        return None if found is None else dict(found)

    def claims(self, namespace: str) -> list[dict[str, Any]]:  # noqa: D102
        mine = [dict(about) for (space, _), about in list(self.claims_.items()) if space == namespace]
        return sorted(mine, key=lambda about: str(about["name"]))

    def release(self, namespace: str, name: str, about: Mapping[str, Any]) -> bool:  # noqa: D102
        with self._lock:
            if self.claims_.get((namespace, name)) != {**about, "name": name}:
                return False
            del self.claims_[namespace, name]
            return True

    def reclaim(  # noqa: D102
        self, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]
    ) -> bool:
        kept = json.loads(json.dumps({**instead, "name": name}))
        with self._lock:
            if self.claims_.get((namespace, name)) != {**about, "name": name}:
                return False
            self.claims_[namespace, name] = kept
            return True

    # -- contents -----------------------------------------------------------------------------------------------

    def put_bytes(self, content: bytes) -> tuple[str, int]:  # noqa: D102
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = bytes(content)
        return digest, len(content)

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:  # noqa: D102
        with open(path, "rb") as file:
            return self.put_bytes(file.read())

    def open_content(self, digest: str) -> BinaryIO:  # noqa: D102
        if digest not in self.contents:
            raise ArtifactNotFound(f"the store {self.location!r} has no contents with the sha256 {digest}")
        return BytesIO(self.contents[digest])

    def has_content(self, digest: str) -> bool:  # noqa: D102
        return digest in self.contents

    def content_path(self, digest: str) -> str:  # noqa: D102
        with self.open_content(digest) as content, self._lock:
            if self._files is None:
                self._files = tempfile.mkdtemp(prefix="runlore-")
                weakref.finalize(self, shutil.rmtree, self._files)
            path = os.path.join(self._files, digest)
            with open(path, "wb") as file:
                file.write(content.read())
        return path

    # -- cards --------------------------------------------------------------------------------------------------

    def versions_taken(self, card: CardName) -> list[Version]:  # noqa: D102
        return list(self.cards.get(card, ()))

    def claim_version(self, card: CardName, choose: Callable[[Sequence[Version]], Version]) -> Version:  # noqa: D102
        with self._lock:
            taken = self.cards.setdefault(card, {})
            version = choose(list(taken))
            if version in taken:
                raise AlreadyExists(
                    f"version={str(version)!r} is taken, and versions are never given out twice; the latest is "
                    f"{max(taken)}. Nothing was registered. Leave the version out to get the next one"
                )
            taken[version] = MemoryCard()
            return version

    def complete_card(self, card: CardName, version: Version, about: Mapping[str, Any]) -> None:  # noqa: D102
        self.cards[card][version].about = json.loads(json.dumps(dict(about)))

    def annotate_card(  # noqa: D102
        self, card: CardName, version: str, uid: str, facts: Iterable[Fact], *, after_ns: int = 0
    ) -> int:  # fmt: skip
        time = max(time_ns(), after_ns + 1)
        known = next((found for taken, found in self.cards.get(card, {}).items() if str(taken) == version), None)
        if known is None or known.about is None or known.about["uid"] != uid:
            raise ArtifactNotFound(f"there is no card {card}@{version} in the store {self.location!r}")
        for kind, key, value in facts:
            check_key(key, kind)
            known.facts.append(CardFact(kind, key, json.loads(json.dumps(value)), time))
        return time
