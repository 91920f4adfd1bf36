"""The methods of an index, one endpoint each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.index.records import CardRecord, ExperimentRecord, LinkRecord, RunRecord
from runlore.names import is_uid
from runlore.server.contract.calls import answering
from runlore.server.contract.fresh import index_of
from runlore.server.endpoint import Endpoint
from runlore.wire import questions, records, text, zones
from runlore.wire.text import Garbled, expect, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.server.endpoint import Call

MOST_TIME_S = 120.0
"""Seconds that a caller can let the server search."""


def refresh(call: Call, sent: dict[str, Any]) -> int:  # noqa: ARG001 - every method gets them
    """See `Index.refresh`."""
    index_of(call)
    return 0


def page(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.page`."""
    clock = sent.get("clock")
    time_limit_s = expect(sent.get("time_limit_s", 30.0), (int, float), "time_limit_s")
    found = index_of(call).page(
        questions.unpack_query(sent.get("query")), questions.unpack_order(sent.get("order_by")),
        expect(sent.get("limit"), (int, type(None)), "limit"),
        expect(sent.get("cursor"), (str, type(None)), "cursor"),
        experiment=questions.unpack_names(sent.get("experiment"), "experiment"),
        include_deleted=_flag(sent, "include_deleted"), facts=_flag(sent, "facts"),
        clock=None if clock is None else zones.unpack_clock(clock), time_limit_s=min(time_limit_s, MOST_TIME_S),
        last=_flag(sent, "last"),
    )  # fmt: skip
    return records.pack_page(found)


def find(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.find`."""
    reference = questions.unpack_reference(sent.get("reference"))
    return records.pack(RunRecord, index_of(call).find(reference, facts=_flag(sent, "facts")))


def find_each(call: Call, sent: dict[str, Any]) -> list[Any]:
    """`Index.find` of several references at once."""
    references = [questions.unpack_reference(one) for one in expect(sent.get("references"), list, "references")]
    facts, index = _flag(sent, "facts"), index_of(call)
    whole = [reference.uid for reference in references if reference.uid is not None]
    known = {run.uid: run for run in index.runs(whole, facts=facts)} if whole else {}
    found = (
        index.find(reference, facts=facts)
        if reference.uid is None
        else [run for run in (known.get(reference.uid),) if run is not None]
        for reference in references
    )  # fmt: skip
    return [records.pack(RunRecord, runs) for runs in found]


def runs(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.runs`."""
    return records.pack(RunRecord, index_of(call).runs(uids_of(sent), facts=_flag(sent, "facts")))


def series(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.series`."""
    keys = sent.get("keys")
    return records.pack_series(index_of(call).series(uids_of(sent), None if keys is None else texts(keys, "keys")))


def artifacts(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.artifacts`."""
    return records.pack_artifacts(index_of(call).artifacts(uids_of(sent)))


def experiments(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.experiments`."""
    pattern = questions.unpack_names(sent.get("pattern"), "pattern")
    return records.pack(ExperimentRecord, index_of(call).experiments(pattern))


def keys(call: Call, sent: dict[str, Any]) -> list[str]:
    """See `Index.keys`."""
    experiment = questions.unpack_names(sent.get("experiment"), "experiment")
    return index_of(call).keys(expect(sent.get("kind"), str, "kind"), experiment=experiment)


def cards(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.cards`."""
    return records.pack(CardRecord, index_of(call).cards(questions.unpack_filter(sent.get("wanted"))))


def links(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.links`."""
    return records.pack(LinkRecord, index_of(call).links(uids_of(sent)))


def lineage(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Index.lineage`."""
    uid = expect(sent.get("uid"), str, "uid")
    if not is_uid(uid):
        raise Garbled(f"uid={uid!r:.60} should be 32 hexadecimal digits")
    return records.pack_lineage(index_of(call).lineage(uid))


def uids_of(sent: dict[str, Any]) -> list[str]:
    """The uids of a request, without what is none: nothing has such a name.

    Raises:
        Garbled: they are no list of texts.
    """
    return [uid for uid in texts(sent.get("uids"), "uids") if is_uid(uid)]


def _flag(sent: dict[str, Any], name: str) -> bool:
    return bool(expect(sent.get(name, False), bool, name))


def _endpoint(function: Callable[[Call, dict[str, Any]], Any], summary: str, example: Any) -> Endpoint:
    return Endpoint(
        "POST", f"/index/{function.__name__}", answering(function), summary, body=text.MEDIA_TYPE,
        answer=text.MEDIA_TYPE, problems=[413, 415, 503], example=example,
    )  # fmt: skip


_UID = "0" * 32

ENDPOINTS = (
    _endpoint(refresh, "Bring the index up to date; with the header `Runlore-Fresh: 1`.", {}),
    _endpoint(page, "One page of the runs that a query finds.", {"query": "metrics.loss < 0.1", "limit": 10}),
    _endpoint(find, "The runs that a reference could mean, at most three.", {"reference": {"text": "iris#1"}}),
    _endpoint(find_each, "The runs that each of several references could mean.", {"references": [{"text": "iris#1"}]}),
    _endpoint(runs, "The runs with these uids.", {"uids": [_UID], "facts": True}),
    _endpoint(series, "Each series of these runs in numbers.", {"uids": [_UID], "keys": ["loss"]}),
    _endpoint(artifacts, "Every version of every artifact of these runs.", {"uids": [_UID]}),
    _endpoint(experiments, "The experiments, by name.", {"pattern": "vision/**"}),
    _endpoint(keys, "All keys of params, metrics or tags.", {"kind": "metrics", "experiment": None}),
    _endpoint(cards, "The cards that a filter asks for.", {"wanted": {"kind": "model"}}),
    _endpoint(links, "Every link at these cards and runs.", {"uids": [_UID]}),
    _endpoint(lineage, "What a card or run came of, and what came of it.", {"uid": _UID}),
)
