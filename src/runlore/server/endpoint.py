"""One endpoint: where it is, what it takes and gives, who may call it, and the function that answers.

A room declares a list of these. `app` makes routes of them, `native.openapi` the document, the tests of access and the
fuzzers their lists: what is declared is what is served.

    Endpoint("GET", "/experiments", experiments, "The experiments, by name.", answer=Experiments)

The function gets a `Call` and returns a value of the declared type, or a Starlette response. It may block: it runs in
a thread. One that streams its request is a coroutine function, and reads `call.request` by itself.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response
from starlette.routing import Route

from runlore.server.compression import compress
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from runlore.server.context import Context

READ, WRITE, ADMIN, SIGNED_IN, OPEN = "read", "write", "admin", "signed-in", "open"
"""What a caller must be allowed: `read`, `write` in some experiment (the store that the function gets sees to which),
`admin` of everything. `signed-in`: whoever has an account. `open`: anybody, also without one."""

JSON = "application/json"

REFUSAL = "runlore.refusal"
"""Of a request's scope: how the endpoint that it reached says that it did not work; see `Endpoint.refusal`."""

_T = TypeVar("_T")


class _Text(StringConvertor):
    """`{name:text}` in a path: any text, with slashes and line breaks, as names in a store may have."""

    regex = r"[\s\S]+"


register_url_convertor("text", _Text())


@dataclass(frozen=True)
class Parameter:
    """A parameter of an address, or of the query string.

    Attributes:
        name: as it is sent.
        about: what it is, in a sentence.
        schema: JSON Schema.
        repeated: whether it may be given several times.
        required: whether it must be given.
        example: a value that works.
    """

    name: str
    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    repeated: bool = False
    required: bool = False
    example: Any = None


@dataclass(frozen=True)
class Endpoint:
    """See the module.

    Attributes:
        method: of HTTP.
        path: below the room's own prefix, as Starlette writes it: `/runs/{uid}`; `{uid:text}` takes slashes too.
        answer_with: the function.
        summary: what it does, in a sentence.
        needs: what the caller must be allowed.
        parameters: of the query string.
        path_parameters: of the address itself, those in braces.
        body: type of the JSON body (a `msgspec.Struct`), or a media type; None: there is none.
        answer: type of the JSON that is sent, or a media type; None: nothing is sent.
        status: of a good answer.
        also: other statuses of good answers without a body: 204, 206, 304.
        other_types: media types in which the answer comes where the caller accepts only them.
        problems: statuses of problem documents that are to be expected besides 400, 401, 403 and 500.
        example: a body that works.
        about: more, in Markdown.
        audited: what it was done to, for the audit log; None: it is not recorded there.
        is_shared: who asks the same at once gets one answer, made once for each state of the index.
        refusal: how it says that it did not work, where its protocol has a form of its own; None: a problem document.
    """

    method: str
    path: str
    answer_with: Callable[[Call], Any]
    summary: str
    needs: str = READ
    parameters: Sequence[Parameter] = ()
    path_parameters: Sequence[Parameter] = ()
    body: Any = None
    answer: Any = None
    status: int = 200
    also: Sequence[int] = ()
    other_types: Sequence[str] = ()
    problems: Sequence[int] = ()
    example: Any = None
    about: str = ""
    audited: Callable[[Call], str] | None = None
    refusal: Callable[[Problem], Response] | None = None
    is_shared: bool = False

    def route(self, prefix: str) -> Route:
        """The route that serves it; see also `server.app.list_endpoints`."""
        return Route(prefix + self.path, self._serve, methods=[self.method], name=f"{self.method} {prefix}{self.path}")

    @cached_property
    def _is_coroutine(self) -> bool:
        return inspect.iscoroutinefunction(self.answer_with)

    async def _serve(self, request: Request) -> Response:
        context: Context = request.app.state.context
        request.scope["runlore.route"] = request.scope.get("root_path", "") + self.path
        request.scope[REFUSAL] = self.refusal
        context = await context.access.admit(request, self.needs, context)
        call = Call(self, request, context)
        try:
            response = await self._answered(call)
        finally:
            if self.needs in (WRITE, ADMIN):  # also where it failed half-way
                context.freshness.wrote(call.wrote)
        if self.audited is not None and response.status_code < 400:
            await context.threads.run(context.access.record, call, self.audited(call))
        return response

    async def _answered(self, call: Call) -> Response:
        request, context = call.request, call.context
        if self._is_coroutine:
            answered = await self.answer_with(call)
        else:
            if self.body is not None:
                call.raw = await context.read_body(request)
            answered = await context.threads.run(self._shared if self.is_shared else self.answer_with, call)
        if isinstance(answered, Response):
            return answered
        if self.answer is None:
            return Response(status_code=204 if self.status == 200 else self.status)
        return await context.threads.run(self._respond, request, answered)

    def _shared(self, call: Call) -> Response:
        """The answer to a question that may be one of several that are asked at once."""
        scope, headers, caller = call.request.scope, call.request.headers, call.context.caller
        call.context.fresh()
        key = (
            scope["path"], scope["query_string"], call.raw, caller.grants, caller.scopes,
            *(headers.get(name) for name in ("content-type", "accept", "accept-encoding", "if-none-match")),
        )  # fmt: skip

        def make() -> Response:
            answered = self.answer_with(call)
            return answered if isinstance(answered, Response) else self._respond(call.request, answered)

        return call.context.shared.get(call.context.freshness.moment, key, make)

    def _respond(self, request: Request, answered: Any) -> Response:
        return compress(request, json_response(answered, self.status))


class Call:
    """One request, for the function that answers it.

    Attributes:
        endpoint: the one that was called.
        request: as Starlette has it.
        context: what the server works on.
        raw: the body, where it was read as a whole.
        wrote: uids of the runs that it recorded to, where it changes nothing else; None: nobody knows what it changes.
    """

    def __init__(self, endpoint: Endpoint, request: Request, context: Context) -> None:
        self.endpoint = endpoint
        self.request = request
        self.context = context
        self.raw = b""
        self.wrote: tuple[str, ...] | None = None

    @cached_property
    def body(self) -> Any:
        """The JSON body, as the endpoint's type.

        Raises:
            Problem: it is none (400, 415).
        """
        content_type = self.request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if content_type != JSON:  # a form could be posted by any page of the web
            raise Problem(415, f"the body is {content_type!r} and should be {JSON!r}", field="Content-Type")
        return decode(self.raw, self.endpoint.body)

    def path(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def text(self, name: str, default: str | None = None) -> str | None:
        """A parameter of the query string; the default where it is not there."""
        return self.request.query_params.get(name, default)

    def required(self, name: str) -> str:
        """A parameter of the query string.

        Raises:
            Problem: it is not there.
        """
        value = self.request.query_params.get(name)
        if value is None:
            raise Problem(400, f"the parameter {name!r} is missing", field=name)
        return value

    def texts(self, name: str) -> list[str]:
        """All values of a parameter, in order."""
        return list(self.request.query_params.getlist(name))

    def integer(self, name: str, default: int, *, low: int = 0, high: int = 1 << 53) -> int:
        """A parameter that is a whole number.

        Raises:
            Problem: it is none, or out of its range.
        """
        text = self.request.query_params.get(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise Problem(400, f"{name}={text!r} should be a whole number", field=name, value=text[:100]) from None
        if not low <= value <= high:
            raise Problem(400, f"{name}={value} should be from {low} to {high}", field=name, value=text[:100])
        return value

    def number(self, name: str) -> float | None:
        """A parameter that is a number; None where it is not there.

        Raises:
            Problem: it is none.
        """
        text = self.request.query_params.get(name)
        try:
            return None if text is None else float(text)
        except ValueError:
            raise Problem(400, f"{name}={text!r} should be a number", field=name, value=str(text)[:100]) from None

    def flag(self, name: str) -> bool:
        """A parameter that is `1` or `true`, or is not there.

        Raises:
            Problem: it is something else.
        """
        text = self.request.query_params.get(name, "0")
        if text not in {"0", "1", "true", "false"}:
            raise Problem(400, f"{name}={text!r} should be 1 or 0", field=name, value=text[:100])
        return text in {"1", "true"}


def decode(raw: bytes, kind: type[_T]) -> _T:
    """JSON as a type. Texts may have lone surrogates, as names in a store may.

    Raises:
        Problem: it is none, and which field is wrong (400).
    """
    try:
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            if b"\\u" not in raw:
                raise Problem(400, f"the body is no JSON: {error}"[:500], field="body") from None
        return msgspec.convert(_loads(raw), kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        path = place.rstrip("`").removeprefix("$").removeprefix(".")
        said = f"{path}: {message[:500]}" if path else message[:500]
        raise Problem(400, said, field=path or "body") from None
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8: {error.reason} at byte {error.start}", field="body") from None
    except UnicodeEncodeError:
        raise Problem(400, "the body has a text that is no valid Unicode where none can stand", field="body") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deep", field="body") from None


def _loads(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise Problem(400, f"the body is no JSON: {error}"[:500], field="body") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON; write it as text")


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON; see `dump`."""
    return Response(dump(value), status, headers, JSON)


def dump(value: Any) -> bytes:
    """JSON of structs, plain values, and texts that are no valid Unicode (as lone surrogates)."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), allow_nan=False, separators=(",", ":")).encode("ascii")
