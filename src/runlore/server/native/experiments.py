"""What there is in the store: experiments, and the keys that runs have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runlore.server.endpoint import Endpoint, Parameter
from runlore.server.native.asking import EXPERIMENT, experiments_of
from runlore.server.native.values import ms

if TYPE_CHECKING:
    from runlore.server.endpoint import Call


class ExperimentInfo(msgspec.Struct):
    """One experiment: its runs that are not in the trash."""

    name: str
    runs: int
    statuses: dict[str, int]
    updated_ms: float | None


class Experiments(msgspec.Struct):
    """Experiments by name."""

    experiments: list[ExperimentInfo]


class Keys(msgspec.Struct):
    """Keys, sorted."""

    keys: list[str]


def experiments(call: Call) -> Experiments:
    """The experiments of the store."""
    found = call.context.fresh().index.experiments(call.texts("pattern") or None)
    return Experiments([
        ExperimentInfo(known.name, known.runs, dict(known.statuses), ms(known.updated_ns)) for known in found
    ])  # fmt: skip


def keys(call: Call) -> Keys:
    """The keys of params, metrics or tags."""
    return Keys(call.context.fresh().index.keys(call.required("kind"), experiment=experiments_of(call)))


_KIND: dict[str, Any] = {"type": "string", "enum": ["params", "metrics", "tags"]}

ENDPOINTS = (
    Endpoint(
        "GET", "/experiments", experiments, "The experiments by name, with how many runs they have.",
        parameters=[Parameter("pattern", "A name, or a glob such as vision/**.", repeated=True, example="**")],
        answer=Experiments,
    ),
    Endpoint(
        "GET", "/keys", keys, "All keys of params, metrics or tags that runs have.",
        parameters=[Parameter("kind", "Which keys.", _KIND, required=True, example="metrics"), EXPERIMENT],
        answer=Keys,
    ),
)  # fmt: skip
