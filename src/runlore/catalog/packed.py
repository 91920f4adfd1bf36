"""Reading what is packed in rows of `facts`: what readers are shown, of many runs at once. `packing` has the form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runlore.index.records import RunFacts, SeriesRecord
from runlore.plain import load_json
from runlore.store.series import SeriesColumns, floats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class KeysReader:
    """Reads the keys of many runs. Those of one program are read once, and are the same objects in all of them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[str], list[str], list[str]]] = {}

    def read(self, keys: str) -> tuple[list[str], list[str], list[str]]:
        """The keys of params, of metrics, and of tags."""
        found = self._known.get(keys)
        if found is None:
            found = self._known[keys] = json.loads(keys)
        return found

    def facts(self, keys: str, values_json: str, last: bytes, detail: str) -> RunFacts:
        """What readers are shown of a run."""
        params, metrics, tags = self.read(keys)
        param_values, tag_values = load_json(values_json)
        return RunFacts(
            dict(zip(params, param_values, strict=True)),
            dict(zip(metrics, floats(last).tolist(), strict=True)),
            dict(zip(tags, tag_values, strict=True)),
            detail,
        )


class PackedSeries(Mapping[str, SeriesRecord]):
    """The series of a run in numbers, by key; each is unpacked when it is asked for."""

    def __init__(self, keys: list[str], last: bytes, others: bytes) -> None:
        self._keys = keys
        self._columns = SeriesColumns.unpack(keys, last, others)
        self._places: dict[str, int] | None = None

    def __getitem__(self, key: str) -> SeriesRecord:
        if self._places is None:
            self._places = {known: place for place, known in enumerate(self._keys)}
        return SeriesRecord(*self._columns.row(self._places[key]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def records(self, keys: Iterable[str] | None) -> dict[str, SeriesRecord]:
        """All of them, or those of these keys that there are, sorted."""
        if keys is not None:
            return {key: self[key] for key in sorted({*keys}) if key in self}
        return {key: SeriesRecord(*row) for key, row in zip(self._keys, self._columns.rows(), strict=True)}
