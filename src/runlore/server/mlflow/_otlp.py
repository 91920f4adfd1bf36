"""Spans as OpenTelemetry sends them: protocol buffers, or JSON, to plain values and back to MLflow's JSON.

The few messages that there are are decoded by hand, so that a server needs no protobuf library. Fields that are not
known are skipped; a body that is cut or nests too deep is refused.
"""

from __future__ import annotations

import base64
import gzip
import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

from runlore.server.mlflow.message import MlflowError, as_number, decode, whole
from runlore.server.mlflow.span_meaning import meant

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
MAX_BYTES = 64 << 20

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def unpack(raw: bytes, encoding: str) -> bytes:
    """A body without its compression.

    Raises:
        MlflowError: it is broken, or becomes too large.
    """
    if encoding in {"", "identity"}:
        return raw
    try:
        if encoding == "gzip":
            with gzip.open(BytesIO(raw)) as file:
                found = file.read(MAX_BYTES + 1)
        elif encoding == "deflate":
            found = zlib.decompressobj().decompress(raw, MAX_BYTES + 1)
        else:
            raise MlflowError(f"Content-Encoding {encoding[:50]!r} is not known; use gzip", "BAD_REQUEST")
    except (OSError, EOFError, zlib.error) as error:
        raise MlflowError(f"the body is no {encoding}: {error}", "BAD_REQUEST") from None
    if len(found) > MAX_BYTES:
        raise MlflowError(f"the body becomes more than {MAX_BYTES} bytes", "BAD_REQUEST")
    return found


def read_spans(raw: bytes, content_type: str) -> list[dict[str, Any]]:
    """The spans of a request, each as Runlore records spans, its ids in hex.

    Args:
        raw: an `ExportTraceServiceRequest`.
        content_type: `application/json`, or else protocol buffers.

    Raises:
        MlflowError: it is none.
    """
    try:
        if content_type == "application/json":
            return list(_json_spans(decode(raw)))
        return list(_spans(raw))
    except (IndexError, struct.error, UnicodeDecodeError, TypeError, AttributeError, ValueError) as error:
        raise MlflowError(f"Invalid OpenTelemetry protobuf format: {error}"[:300], "BAD_REQUEST") from None


# -- protocol buffers -------------------------------------------------------------------------------------------------


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of every field of a message."""
    at, end = 0, len(raw)
    while at < end:
        tag, at = _varint(raw, at)
        sort = tag & 7
        value: Any
        if sort == _VARINT:
            value, at = _varint(raw, at)
        elif sort == _FIXED64:
            value, at = struct.unpack_from("<Q", raw, at)[0], at + 8
        elif sort == _FIXED32:
            value, at = struct.unpack_from("<I", raw, at)[0], at + 4
        elif sort == _BYTES:
            size, at = _varint(raw, at)
            if size > end - at:
                raise ValueError("it ends within a field")
            value, at = raw[at : at + size], at + size
        else:
            raise ValueError(f"there is no wire type {sort}")
        yield tag >> 3, value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _bytes_of(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a message should stand where a number does")
    return value


def _spans(raw: bytes) -> Iterator[dict[str, Any]]:
    for number, resource_spans in _fields(raw):
        if number != 1:
            continue
        resource: dict[str, Any] = {}
        for inner, value in _fields(_bytes_of(resource_spans)):
            if inner == 1:
                resource = _attributes(item for place, item in _fields(_bytes_of(value)) if place == 1)
        for inner, value in _fields(resource_spans):
            if inner == 2:
                for place, span in _fields(_bytes_of(value)):
                    if place == 2:
                        yield _span(_bytes_of(span)) | ({"resource": resource} if resource else {})


_IDS = {1: "trace_id", 2: "span_id", 4: "parent_id"}
_NUMBERS = {6: "kind", 7: "start_ns", 8: "end_ns"}


def _span(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    many: dict[int, list[bytes]] = {9: [], 11: [], 13: []}
    for number, value in _fields(raw):
        if number in many:
            many[number].append(_bytes_of(value))
        elif number in _IDS:
            found[_IDS[number]] = _bytes_of(value).hex()
        elif number in _NUMBERS:
            found[_NUMBERS[number]] = value
        elif number == 5:
            found["name"] = _bytes_of(value).decode()
        elif number == 15:
            found |= _status(_bytes_of(value))
    return finished(
        found, _attributes(many[9]), [_event(item) for item in many[11]], [_link(item) for item in many[13]]
    )


def _status(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _fields(raw):
        if number == 2:
            found["status_message"] = _bytes_of(value).decode()
        elif number == 3:
            found["status"] = value
    return found


def _event(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"name": "", "time_ns": 0}
    attributes = []
    for number, value in _fields(raw):
        if number == 1:
            found["time_ns"] = value
        elif number == 2:
            found["name"] = _bytes_of(value).decode()
        elif number == 3:
            attributes.append(value)
    return {**found, "attributes": _attributes(attributes)}


def _link(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    attributes = []
    for number, value in _fields(raw):
        if number in {1, 2}:
            found["trace_id" if number == 1 else "span_id"] = _bytes_of(value).hex()
        elif number == 4:
            attributes.append(value)
    return {**found, "attributes": _attributes(attributes)}


def _attributes(items: Any, depth: int = 0) -> dict[str, Any]:
    found = {}
    for item in items:
        key, value = "", None
        for number, part in _fields(_bytes_of(item)):
            if number == 1:
                key = _bytes_of(part).decode()
            elif number == 2:
                value = _any(_bytes_of(part), depth + 1)
        found[key] = value
    return found


def _any(raw: bytes, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests more than {MAX_DEPTH} levels")
    for number, value in _fields(raw):
        if number == 1:
            return _bytes_of(value).decode()
        if number == 2:
            return bool(value)
        if number == 3:
            return value - (1 << 64) if value >> 63 else value
        if number == 4:
            return struct.unpack("<d", struct.pack("<Q", value))[0]
        if number == 5:
            return [_any(_bytes_of(item), depth + 1) for place, item in _fields(_bytes_of(value)) if place == 1]
        if number == 6:
            return _attributes((item for place, item in _fields(_bytes_of(value)) if place == 1), depth)
        if number == 7:
            return base64.b64encode(_bytes_of(value)).decode()
    return None


# -- JSON -------------------------------------------------------------------------------------------------------------


def _json_spans(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource_spans in body.get("resourceSpans") or ():
        resource = _json_attributes((resource_spans.get("resource") or {}).get("attributes"))
        for scope_spans in resource_spans.get("scopeSpans") or ():
            for span in scope_spans.get("spans") or ():
                yield _json_span(span) | ({"resource": resource} if resource else {})


def _json_span(span: dict[str, Any]) -> dict[str, Any]:
    status = span.get("status") or {}
    found = {
        "trace_id": str(span.get("traceId") or "").lower(), "span_id": str(span.get("spanId") or "").lower(),
        "parent_id": str(span.get("parentSpanId") or "").lower(), "name": str(span.get("name") or ""),
        "kind": whole(span.get("kind") or 0) or 0, "start_ns": whole(span.get("startTimeUnixNano") or 0) or 0,
        "end_ns": whole(span.get("endTimeUnixNano") or 0) or 0, "status": whole(status.get("code") or 0) or 0,
    }  # fmt: skip
    if status.get("message"):
        found["status_message"] = str(status["message"])
    events = [
        {
            "name": str(event.get("name") or ""), "time_ns": whole(event.get("timeUnixNano") or 0) or 0,
            "attributes": _json_attributes(event.get("attributes")),
        }
        for event in span.get("events") or ()
    ]  # fmt: skip
    links = [
        {"trace_id": link.get("traceId"), "span_id": link.get("spanId"),
         "attributes": _json_attributes(link.get("attributes"))}
        for link in span.get("links") or ()
    ]  # fmt: skip
    return finished(found, _json_attributes(span.get("attributes")), events, links)


def _json_attributes(items: Any, depth: int = 0) -> dict[str, Any]:
    return {str(item.get("key")): _json_any(item.get("value") or {}, depth + 1) for item in items or ()}


def _json_any(value: dict[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests more than {MAX_DEPTH} levels")
    if "stringValue" in value:
        return str(value["stringValue"])
    if "boolValue" in value:
        return bool(value["boolValue"])
    if "intValue" in value:
        return whole(value["intValue"])
    if "doubleValue" in value:
        return float(value["doubleValue"])
    if "arrayValue" in value:
        return [_json_any(item, depth + 1) for item in value["arrayValue"].get("values") or ()]
    if "kvlistValue" in value:
        return _json_attributes(value["kvlistValue"].get("values"), depth)
    return value.get("bytesValue")


def finished(
    found: dict[str, Any], attributes: dict[str, Any], events: list[dict[str, Any]], links: list[dict[str, Any]]
) -> dict[str, Any]:
    """A span as Runlore records it.

    Raises:
        ValueError: its ids are none.
    """
    trace_id, span_id = found.get("trace_id", ""), found.get("span_id", "")
    if len(bytes.fromhex(trace_id)) != 16 or len(bytes.fromhex(span_id)) != 8:
        raise ValueError(f"a span has the ids {trace_id[:40]!r} and {span_id[:40]!r}, which are none")
    kind, status = found.get("kind", 0), found.get("status", 0)
    start = min(int(found.get("start_ns", 0)), (1 << 63) - 1)
    span = {
        **found, "name": (found.get("name") or "(unnamed)").replace("\0", "\ufffd")[:4096],
        "parent_id": found.get("parent_id") or None, "kind": KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
        "status": STATUSES[status] if 0 <= status < len(STATUSES) else STATUSES[0], "start_ns": start,
        "end_ns": max(start, min(int(found.get("end_ns", 0)), (1 << 63) - 1)), "attributes": attributes,
        "events": events,
    }  # fmt: skip
    return {**span, "links": links} if links else span


# -- to MLflow's clients ----------------------------------------------------------------------------------------------


def to_document(name: str, span: dict[str, Any]) -> dict[str, Any]:
    """A span as the JSON of OpenTelemetry's message, its ids in base64."""
    kind, status = str(span.get("kind")), str(span.get("status"))
    found = {
        "trace_id": _id(span.get("trace_id")), "span_id": _id(span.get("span_id")), "name": name,
        "kind": KINDS.index(kind) if kind in KINDS else 0, "start_time_unix_nano": str(span.get("start_ns") or 0),
        "end_time_unix_nano": str(span.get("end_ns") or 0), "attributes": _pairs(meant(span.get("attributes") or {})),
        "events": [
            {"name": event.get("name"), "time_unix_nano": str(event.get("time_ns") or 0),
             "attributes": _pairs(event.get("attributes"))}
            for event in span.get("events") or ()
        ],
        "links": [
            {"trace_id": _id(link.get("trace_id")), "span_id": _id(link.get("span_id")),
             "attributes": _pairs(link.get("attributes"))}
            for link in span.get("links") or ()
        ],
        "status": {
            "code": STATUSES.index(status) if status in STATUSES else 0, "message": span.get("status_message") or "",
        },
    }  # fmt: skip
    if span.get("parent_id"):
        found["parent_span_id"] = _id(span["parent_id"])
    return found


def _id(text: Any) -> str:
    return base64.b64encode(bytes.fromhex(str(text or ""))).decode()


def _pairs(attributes: Any) -> list[dict[str, Any]]:
    return [{"key": str(key), "value": _wrapped(value)} for key, value in (attributes or {}).items()]


def _wrapped(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, int):
        return {"int_value": str(value)} if -(1 << 63) <= value < 1 << 63 else {"string_value": str(value)}
    if isinstance(value, float):
        return {"double_value": as_number(value)}
    if isinstance(value, list):
        return {"array_value": {"values": [_wrapped(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlist_value": {"values": _pairs(value)}}
    return {} if value is None else {"string_value": str(value)}
