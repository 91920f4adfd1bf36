"""The methods of recorders: opening, appending in batches, closing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.server.contract.calls import came_again, changing
from runlore.server.contract.recorders import Recorders
from runlore.server.contract.storing import run_of
from runlore.server.endpoint import WRITE, Endpoint
from runlore.wire import recording, text
from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.server.endpoint import Call

MOST_RECORDS = 100_000
"""In one batch."""


def record(call: Call, sent: dict[str, Any]) -> None:
    """See `RecordedRun.record`."""
    run = run_of(call, sent)
    first, lazily = (expect(sent.get(name, False), bool, name) for name in ("first", "lazily"))
    call.context.part(Recorders).open(run, _writer(sent), first=first, lazily=lazily)


def append(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """The records of a batch, see `Recorder`."""
    records, sequence = expect(sent.get("records"), list, "records"), expect(sent.get("sequence"), int, "sequence")
    if len(records) > MOST_RECORDS or sequence < 1:
        raise Garbled(f"a batch has a number from 1 on, and at most {MOST_RECORDS:,} records")
    if not call.context.caller.may_everywhere(WRITE):
        check_writable(call, sent)
    if call.context.sight is not None:
        call.context.sight.vet(str(sent.get("uid")), recording.facts_of(records))
    return call.context.part(Recorders).append(
        lambda: run_of(call, sent), expect(sent.get("uid"), str, "uid"), _writer(sent), sequence, records,
        columns=expect(sent.get("columns", {}), dict, "columns"), again=came_again(call),
    )  # fmt: skip


def close_recorder(call: Call, sent: dict[str, Any]) -> None:
    """See `Recorder.close` and `Recorder.discard`."""
    if not call.context.caller.may_everywhere(WRITE):
        check_writable(call, sent)
    call.context.part(Recorders).close(_writer(sent), discard=expect(sent.get("discard", False), bool, "discard"))


def check_writable(call: Call, sent: dict[str, Any]) -> None:
    """See that the caller may write to the run that a request names, and that the recorder is one of it.

    Raises:
        RunNotFound: there is no such run for the caller.
        NotAllowed: the caller may not.
        Garbled: the recorder is one of another run.
    """
    run = run_of(call, sent)
    call.context.check(WRITE, run.experiment)
    if call.context.part(Recorders).run_of(_writer(sent)) not in (None, run.uid):
        raise Garbled("the writer records another run")


def _writer(sent: dict[str, Any]) -> str:
    return str(expect(sent.get("writer"), str, "writer"))


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
