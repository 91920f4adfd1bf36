"""The methods of recorders: opening, appending in batches, closing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runlore.names import is_uid
from runlore.server.contract.batches import batches_of
from runlore.server.contract.calls import came_again, changing
from runlore.server.contract.storing import run_of, uid_of
from runlore.server.endpoint import WRITE, Endpoint
from runlore.wire import recording, text
from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.server.endpoint import Call
    from runlore.server.recorders import Held

MOST_RECORDS = 100_000
"""In one batch."""


def record(call: Call, sent: dict[str, Any]) -> None:
    """See `RecordedRun.record`. One that is open under this name stays."""
    first, lazily = (expect(sent.get(name, False), bool, name) for name in ("first", "lazily"))
    with _held(call, sent) as held:
        held.open(first=first, lazily=lazily)


def append(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """The records of a batch, see `Recorder`."""
    records, sequence = expect(sent.get("records"), list, "records"), expect(sent.get("sequence"), int, "sequence")
    if len(records) > MOST_RECORDS or sequence < 1:
        raise Garbled(f"a batch has a number from 1 on, and at most {MOST_RECORDS:,} records")
    columns = expect(sent.get("columns", {}), dict, "columns")
    with _held(call, sent) as held, held.lock:
        if call.context.sight is not None:
            call.context.sight.vet(uid_of(sent), recording.facts_of(records))
        return batches_of(held).append(held, sequence, records, columns=columns, again=came_again(call))


def close_recorder(call: Call, sent: dict[str, Any]) -> None:
    """See `Recorder.close` and `Recorder.discard`. One that is not open, or whose run is gone, is closed."""
    discard = expect(sent.get("discard", False), bool, "discard")
    if call.context.caller.may_everywhere(WRITE):
        call.context.recorders.forget(uid_of(sent), _writer(sent), discard=discard)
        return
    with _held(call, sent) as held:  # which sees that the caller may
        held.close(discard=discard)


@contextmanager
def _held(call: Call, sent: dict[str, Any]) -> Iterator[Held]:
    """The recorder that a request names, for the block.

    Raises:
        RunNotFound: there is no such run for the caller.
        NotAllowed: the caller may not write to it.
        Garbled: the request names none.
    """
    uid, name, recorders = uid_of(sent), _writer(sent), call.context.recorders
    experiment = expect(sent.get("experiment"), (str, type(None)), "experiment")
    if not recorders.is_open(uid, name):
        experiment = run_of(call, sent).experiment  # it may be elsewhere than was thought
    with recorders.hold(uid, name, experiment=experiment) as held:
        yield held


def _writer(sent: dict[str, Any]) -> str:
    name = str(expect(sent.get("writer"), str, "writer"))
    if not is_uid(name):
        raise Garbled(f"writer={name!r:.60} should be 32 hexadecimal digits")
    return name


def _endpoint(function: Callable[[Call, dict[str, Any]], Any], summary: str, example: Any) -> Endpoint:
    return Endpoint(
        "POST", f"/store/{function.__name__}", changing(function), summary, WRITE, body=text.MEDIA_TYPE,
        answer=text.MEDIA_TYPE, problems=[404, 409, 413, 415, 503, 507],
        example={"uid": "0" * 32, "writer": "1" * 32, **example},
    )  # fmt: skip


ENDPOINTS = (
    _endpoint(record, "Open a recorder of a run.", {"experiment": "iris"}),
    _endpoint(
        append, "Append records, once for each number of a batch.",
        {"sequence": 1, "records": [["scalar", "loss", 0.5, 1.0, 1_700_000_000_000_000_000]]},
    ),
    _endpoint(close_recorder, "Close a recorder.", {}),
)  # fmt: skip
