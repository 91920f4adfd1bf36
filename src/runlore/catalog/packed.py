"""Reading what is packed in rows of `facts`: what readers are shown, of many runs at once. `packing` has the form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlore.index.records import RunFacts, SeriesRecord
from runlore.plain import load_json
from runlore.store.series import SeriesColumns, floats, unpack_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_read_json = json.JSONDecoder().raw_decode
"""What `json.loads` does, without what it does besides for text of unknown origin: a third less for short texts."""


class Keys:
    """The keys of a run, or of many.

    Attributes:
        params, metrics, tags: each sorted.
    """

    __slots__ = ("_places", "metrics", "params", "tags")

    def __init__(self, text: str) -> None:
        self.params: list[str]
        self.metrics: list[str]
        self.tags: list[str]
        self.params, self.metrics, self.tags = json.loads(text)
        self._places: dict[str, int] | None = None

    @property
    def places(self) -> dict[str, int]:
        """Where each metric stands among them."""
        if self._places is None:
            self._places = {key: place for place, key in enumerate(self.metrics)}
        return self._places

    def values(self, values_json: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Params and tags of a run."""
        try:
            params, tags = _read_json(values_json)[0]
        except RecursionError:
            params, tags = load_json(values_json)
        return dict(zip(self.params, params, strict=True)), dict(zip(self.tags, tags, strict=True))


class KeysReader:
    """Reads the keys of many runs. Those of one program are read once, and are the same objects in all of them."""

    def __init__(self) -> None:
        self._known: dict[str, Keys] = {}

    def read(self, text: str) -> Keys:
        """Keys, from a row of `facts`."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = Keys(text)
        return found

    def facts(self, keys: str, values_json: str, last: bytes, detail: str) -> RunFacts:
        """What readers are shown of a run."""
        known = self.read(keys)
        params, tags = known.values(values_json)
        return RunFacts(params, dict(zip(known.metrics, floats(last).tolist(), strict=True)), tags, detail)


class PackedSeries(Mapping[str, SeriesRecord]):
    """The series of a run in numbers, by key; each is unpacked when it is asked for."""

    __slots__ = ("_keys", "_packed")

    def __init__(self, keys: Keys, last: bytes, others: bytes) -> None:
        self._keys = keys
        self._packed = last, others

    def __getitem__(self, key: str) -> SeriesRecord:
        return SeriesRecord(*unpack_row(self._keys.places[key], *self._packed))

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys.metrics)

    def __len__(self) -> int:
        return len(self._keys.metrics)

    def records(self, keys: Iterable[str] | None) -> dict[str, SeriesRecord]:
        """All of them, or those of these keys that there are, sorted."""
        if keys is not None:
            return {key: self[key] for key in sorted({*keys}) if key in self}
        columns = SeriesColumns.unpack(self._keys.metrics, *self._packed)
        return {key: SeriesRecord(*row) for key, row in zip(self._keys.metrics, columns.rows(), strict=True)}
