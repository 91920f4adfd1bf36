"""A request of MLflow's protocol: its fields, checked, and errors in MLflow's form.

Fields are JSON in the body or parameters of the address. Whole numbers also come as text, NaN and infinities as
`"NaN"`, `"Infinity"` and `"-Infinity"`; null is the same as not there; unknown fields are left alone.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from runlore import errors
from runlore.server import problems
from runlore.server.endpoint import JSON, READ, Call, Endpoint
from runlore.server.mlflow.audited import is_audited, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runlore.server.context import Context

INVALID = "INVALID_PARAMETER_VALUE"
MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"

STATUSES = {
    "BAD_REQUEST": 400, INVALID: 400, EXISTS: 400, MISSING: 404, "NOT_FOUND": 404, "ENDPOINT_NOT_FOUND": 404,
    "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "RESOURCE_CONFLICT": 409, "INTERNAL_ERROR": 500,
    "NOT_IMPLEMENTED": 501, "TEMPORARILY_UNAVAILABLE": 503,
}  # fmt: skip
"""Of HTTP, by MLflow's error code. What has a status from 500 on, clients try again for minutes."""

_CODES = {
    401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: MISSING, 500: "INTERNAL_ERROR", 501: "NOT_IMPLEMENTED",
    **dict.fromkeys((502, 503, 507), "TEMPORARILY_UNAVAILABLE"),
}  # fmt: skip
"""A full disk, and another server that is down, have no code of MLflow's, and that of bad input is final to clients."""

_KEPT = frozenset({408, 413, 429})
"""Statuses that say something to proxies and HTTP libraries, for which MLflow has no code of its own."""

PATH = "/{root:mlflow_root}/mlflow"
"""`/api/2.0`, `/api/3.0` and both with `/ajax-api`: clients of different ages ask for one thing under several."""

_MOST_SHOWN = 200


class MlflowError(Exception):
    """An answer that says why not.

    Args:
        message: what is wrong and what to do.
        code: MLflow's word for it.
    """

    def __init__(self, message: str, code: str = INVALID) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def missing(what: str, name: str) -> MlflowError:
    """That there is no such thing."""
    return MlflowError(f"{what} with ID '{name[:_MOST_SHOWN]}' not found", MISSING)


class Message:
    """The fields of one request.

    Attributes:
        context: what the server works on.
        fields: by name.
    """

    def __init__(self, context: Context, fields: Mapping[str, Any], call: Call | None = None) -> None:
        self.context = context
        self.fields = fields
        self.call = call

    def path(self, name: str) -> str:
        """A part of the address."""
        if self.call is None:
            raise MlflowError(f"Missing value for required parameter '{name}'.")
        return self.call.path(name)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return self.fields.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.fields.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        raise invalid(name, value, "should be text")

    def optional(self, name: str) -> str | None:
        """A text, or None where it is not there."""
        return self.text(name) if self.has(name) else None

    def required(self, name: str) -> str:
        """A text that must be there.

        Raises:
            MlflowError: it is missing, or empty.
        """
        found = self.text(name)
        if not found:
            raise lacking(name)
        return found

    def integer(self, name: str, default: int = 0, *, low: int = -(1 << 63), high: int = (1 << 63) - 1) -> int:
        """A whole number, also as text."""
        value = self.fields.get(name)
        if value is None:
            return default
        found = whole(value)
        if found is None:
            raise invalid(name, value, "should be a whole number")
        if not low <= found <= high:
            raise invalid(name, value, f"should be from {low} to {high}")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.fields.get(name)
        if value is None:
            return default
        if value in (True, "true", "True", "1"):
            return True
        if value in (False, "false", "False", "0"):
            return False
        raise invalid(name, value, "should be true or false")

    def word(self, name: str, numbered: Sequence[str], default: str = "") -> str:
        """A word of those that protocol buffers number from 1, also given as its number.

        Args:
            name: of the field.
            numbered: the words, in upper case.
            default: where the field is not there.

        Raises:
            MlflowError: it is none of them.
        """
        value = self.fields.get(name)
        if value is None:
            return default
        place = whole(value)
        found = value.upper() if isinstance(value, str) else value
        if place is not None and 1 <= place <= len(numbered):
            return numbered[place - 1]
        if found in numbered:
            return str(found)
        raise invalid(name, value, f"should be one of {', '.join(numbered)}")

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self.fields.get(name)
        if value is None:
            return []
        found = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int)) for item in found):
            raise invalid(name, value, "should be a list of texts")
        return [str(item) for item in found]

    def parts(self, name: str) -> list[Message]:
        """A list of messages."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid(name, value, "should be a list of objects")
        return [Message(self.context, item) for item in value]

    def part(self, name: str) -> Message:
        """A message; an empty one where it is not there."""
        value = self.fields.get(name)
        if value is None:
            return Message(self.context, {})
        if not isinstance(value, dict):
            raise invalid(name, value, "should be an object")
        return Message(self.context, value)

    def pairs(self, name: str) -> dict[str, str]:
        """A list of `key` and `value`, or an object, as a mapping."""
        value = self.fields.get(name)
        if isinstance(value, dict):
            return {str(key): Message(self.context, value).text(key) for key in value}
        return {item.required("key"): item.text("value") for item in self.parts(name)}


def lacking(name: str) -> MlflowError:
    """That a field is not there which has to be."""
    return MlflowError(
        f"Missing value for required parameter '{name}'. See the API docs for more information about request "
        "parameters."
    )


def invalid(name: str, value: Any, why: str) -> MlflowError:
    """That a field has a value that it cannot have."""
    return MlflowError(f"Invalid value {_shown(value)} for parameter '{name}' supplied: it {why}.")


def whole(value: Any) -> int | None:
    """A whole number as protocol buffers write it in JSON; None: it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return int(value) if isinstance(value, str) and len(value) <= 25 else None
    except ValueError:
        return None


def number(value: Any) -> float | None:
    """A number as protocol buffers write it in JSON; None: it is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None
    try:
        return float(value) if isinstance(value, str) and len(value) <= 400 else None
    except ValueError:
        return None


def as_number(value: float) -> float | str:
    """A number, as protocol buffers write it in JSON."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, separators=(",", ":"))  # as the client wrote it
    except ValueError:
        text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


# -- endpoints --------------------------------------------------------------------------------------------------------


def endpoint(
    method: str, path: str, handler: Callable[[Message], Any], summary: str, needs: str = READ, prefix: str = PATH
) -> Endpoint:
    """An endpoint of this protocol.

    Args:
        method: of HTTP.
        path: below `prefix`.
        handler: gets the message; gives what is sent as JSON, or a response.
        summary: what it does, in a sentence.
        needs: what the caller must be allowed.
        prefix: what comes before.
    """
    body = None if method == "GET" else JSON

    def answer(call: Call) -> Response:
        return guarded(lambda: handler(read(call)))

    return Endpoint(
        method, prefix + path, answer, summary, needs, body=body, answer=JSON,
        audited=named if is_audited(method, path, needs) else None,
    )  # fmt: skip


def guarded(work: Callable[[], Any]) -> Response:
    """What the work gives, as JSON; what goes wrong, in MLflow's form."""
    try:
        answered = work()
    except (MlflowError, errors.RunloreError, problems.Problem) as error:
        return refuse(error)
    return answered if isinstance(answered, Response) else respond(answered)


def refuse(error: Exception) -> Response:
    """An error that was raised on purpose, as it is sent."""
    if isinstance(error, MlflowError):
        return refusal(error)
    problem = problems.of(error)
    if problem is None:
        raise error
    code = EXISTS if isinstance(error, errors.AlreadyExists) else _CODES.get(problem.status, INVALID)
    answered = refusal(MlflowError(problem.detail, code))
    if problem.status in _KEPT:
        answered.status_code = problem.status
    answered.headers.update(problem.headers)
    return answered


def refusal(error: MlflowError) -> Response:
    """An error as it is sent."""
    content = {"error_code": error.code, "message": error.message}
    return respond(content, STATUSES.get(error.code, 400))


def respond(value: Any, status: int = 200) -> Response:
    """A value as JSON; texts may be no valid Unicode."""
    try:
        content = msgspec.json.encode(value)
    except UnicodeEncodeError:
        content = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    return Response(content, status, media_type=JSON)


def read(call: Call) -> Message:
    """The fields of a request.

    Raises:
        MlflowError: the body is no JSON object, or not said to be JSON.
    """
    query = call.request.query_params
    fields: dict[str, Any] = {}
    for key in query:
        values = query.getlist(key)
        fields[key] = values[0] if len(values) == 1 else values
    if call.endpoint.body is not None and call.raw:
        kind = call.request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind != JSON:  # a form could be posted by any page of the web
            raise MlflowError(f"Bad Request. Content-Type must be {JSON}.", "BAD_REQUEST")
        fields |= decode(call.raw)
    return Message(call.context, fields, call)


def decode(raw: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        MlflowError: it is none.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            value = json.loads(raw)  # NaN and Infinity without quotes, and lone surrogates
        except (ValueError, RecursionError) as error:
            raise MlflowError(f"the body is no JSON: {error}"[:500], "BAD_REQUEST") from None
    if not isinstance(value, dict):
        raise MlflowError("the body should be a JSON object", "BAD_REQUEST")
    return value
