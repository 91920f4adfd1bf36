"""Help with a query that is being typed: whether it can be read, and what could stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runlore.errors import InvalidArgument, QuerySyntaxError
from runlore.query.completion import complete
from runlore.query.ordering import order_keys
from runlore.reader.asking import Words, ask
from runlore.server.endpoint import Endpoint
from runlore.server.native.asking import Experiment  # noqa: TC001 - msgspec reads annotations
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

MAX_TYPED = 65_536


class QueryText(msgspec.Struct, forbid_unknown_fields=True):
    """A query and its order."""

    query: str | None = None
    order_by: str | None = None
    experiment: Experiment = None


class QueryError(msgspec.Struct):
    """What is wrong: where, in characters, and what could stand there."""

    message: str
    position: int
    length: int
    hint: str | None


class QueryCheck(msgspec.Struct):
    """Whether a query can be read, and what it names that the store does not have."""

    ok: bool
    error: QueryError | None
    hints: list[str]


class TypedText(msgspec.Struct, forbid_unknown_fields=True):
    """A query that is being typed, and where the cursor stands, in characters."""

    text: str
    position: int
    experiment: Experiment = None


class CompletionOption(msgspec.Struct):
    """What could stand there. `kind`: field, key, operator, value, function or keyword."""

    text: str
    kind: str
    detail: str


class Completions(msgspec.Struct, rename={"start": "from", "end": "to"}):
    """Options for what stands from one place to another."""

    start: int
    end: int
    options: list[CompletionOption]


def check(call: Call) -> QueryCheck:
    """Whether a query can be read."""
    asked: QueryText = call.body
    session = call.context.fresh()
    try:
        question = ask(session, asked.query or None, asked.order_by or None, experiment=asked.experiment)
        order_keys(list(question.order))
    except QuerySyntaxError as error:
        message = error.message if len(error.message) <= 1_000 else f"{error.message[:1_000]}…"
        length = max(1, len(error.word)) if error.word else 1
        hint = f"expected {error.expected}" if error.expected else None
        return QueryCheck(False, QueryError(message, error.column - 1, length, hint), [])
    except InvalidArgument as error:
        return QueryCheck(False, QueryError(str(error)[:1_000], 0, max(1, len(asked.query or "")), None), [])
    return QueryCheck(True, None, list(question.hints(found=False)))


def completion(call: Call) -> Completions:
    """What could stand where the cursor is."""
    typed: TypedText = call.body
    if len(typed.text) > MAX_TYPED:
        raise Problem(400, f"text has {len(typed.text):,} characters; at most {MAX_TYPED:,} are possible", field="text")
    words = Words(call.context.fresh().index, typed.experiment)
    found = complete(typed.text, typed.position, words)
    return Completions(found.start, found.end, [CompletionOption(*option) for option in found.options])


ENDPOINTS = (
    Endpoint(
        "POST", "/query/check", check, "Whether a query can be read, and where not.", body=QueryText, answer=QueryCheck,
        example={"query": "metrics.loss < 0.1", "order_by": "-started"},
    ),
    Endpoint(
        "POST", "/query/complete", completion, "What could stand at a place of a query.", body=TypedText,
        answer=Completions, example={"text": "metrics.lo", "position": 10},
    ),
)  # fmt: skip
