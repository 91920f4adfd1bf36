"""Curves of many runs in one answer, as little-endian float64 or as Arrow."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from runlore.reader.curves import CurveReader, Curves, Drawing
from runlore.reader.series_cache import version_of
from runlore.server.endpoint import Endpoint, Parameter, dump
from runlore.server.native.asking import check_count, runs_of
from runlore.server.native.values import Number, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.index.records import RunRecord
    from runlore.reader.curves import Curve
    from runlore.server.endpoint import Call

MEDIA_TYPE = "application/vnd.runlore.curves"
ARROW = "application/vnd.apache.arrow.stream"

MAX_RUNS = 20_000
MAX_CURVES = 20_000
MAX_SHOWN_BUCKETS = 20_000_000
"""Curves times buckets in one answer."""


class CurvesQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """Which series, and how they are drawn."""

    runs: list[str]
    keys: list[str]
    buckets: int = 1_000
    x: str = "step"
    low: float | None = None
    high: float | None = None
    known: str | None = None


class SparklinesQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """Which series, drawn small."""

    runs: list[str]
    key: str
    buckets: int = 40
    known: str | None = None


class NotFinite(msgspec.Struct):
    """How many values of a series are no finite numbers."""

    nan: int
    pos: int
    neg: int


class CurveHeader(msgspec.Struct):
    """What the header says of a curve: `n` points follow."""

    run: str
    key: str
    points: int
    n: int
    reduced: bool
    nonfinite: NotFinite
    without_x: int
    by_place: bool
    last_step: Number
    status: str
    breaks: list[float]


class CurvesHeader(msgspec.Struct):
    """What stands before the points."""

    curves: list[CurveHeader]
    missing: list[tuple[str, str]]
    problems: dict[str, str]


def curves(call: Call) -> Response:
    """Curves, as a body asks for them."""
    return _answer(call, call.body)


def curves_by_address(call: Call) -> Response:
    """The same, as an address asks for them: what browsers and proxies can keep."""
    wanted = CurvesQuestion(
        call.texts("run"), call.texts("key"), call.integer("buckets", 1_000, low=1), call.text("x") or "step",
        call.number("low"), call.number("high"),
    )  # fmt: skip
    return _answer(call, wanted)


def sparklines(call: Call) -> Response:
    """Curves of one key, small."""
    wanted: SparklinesQuestion = call.body
    return _answer(call, CurvesQuestion(wanted.runs, [wanted.key], wanted.buckets, known=wanted.known))


def _answer(call: Call, wanted: CurvesQuestion) -> Response:
    drawing = Drawing(wanted.buckets, wanted.x, wanted.low, wanted.high)
    keys = list(dict.fromkeys(wanted.keys))
    check_count("runs", len(wanted.runs), 0, MAX_RUNS)
    check_count("runs times keys", len(set(wanted.runs)) * len(keys), 0, MAX_CURVES)
    check_count("runs times keys times buckets", len(set(wanted.runs)) * len(keys) * wanted.buckets, 0,
                MAX_SHOWN_BUCKETS)  # fmt: skip
    runs = runs_of(call, wanted.runs)
    as_arrow = ARROW in call.request.headers.get("accept", "")
    tag = _tag(runs, wanted, as_arrow=as_arrow)
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "accept"}
    if wanted.known == tag:
        return Response(status_code=204, headers=headers)
    if tag in call.request.headers.get("if-none-match", "") and call.request.method in {"GET", "HEAD"}:
        return Response(status_code=304, headers=headers)
    found = CurveReader(call.context.series).read(runs, keys, drawing)
    there = {run.uid for run in runs}
    gone = [(uid, key) for uid in dict.fromkeys(wanted.runs) if uid not in there for key in keys]
    content = _arrow(found) if as_arrow else _binary(found, runs, gone)
    return Response(content, headers=headers, media_type=ARROW if as_arrow else MEDIA_TYPE)


def _tag(runs: Sequence[RunRecord], wanted: CurvesQuestion, *, as_arrow: bool) -> str:
    """The entity tag: the same while the same is asked, of runs that did not change."""
    asked = (wanted.runs, wanted.keys, wanted.buckets, wanted.x, wanted.low, wanted.high, as_arrow)
    known = [(run.uid, run.status, version_of(run)) for run in runs]
    digest = hashlib.blake2b(repr((asked, known)).encode("utf-8", "surrogatepass"), digest_size=16)
    return f'W/"{digest.hexdigest()}"'


def _binary(found: Curves, runs: Sequence[RunRecord], gone: Sequence[tuple[str, str]]) -> bytes:
    """The header with its length before it, padded to 8 bytes, then x and y of each curve."""
    statuses = {run.uid: run.status for run in runs}
    header = CurvesHeader(
        [_header(curve, statuses[curve.run]) for curve in found.curves], [*found.missing, *gone], found.problems
    )
    text = dump(header)
    text += b" " * (-(len(text) + 4) % 8)
    arrays = [array.astype("<f8", copy=False) for curve in found.curves for array in (curve.x, curve.y)]
    parts = [len(text).to_bytes(4, "little"), text, *(array.tobytes() for array in arrays)]
    return b"".join(parts)


def _header(curve: Curve, status: str) -> CurveHeader:
    return CurveHeader(
        curve.run, curve.key, curve.points, len(curve.x), curve.reduced,
        NotFinite(curve.nan, curve.positive, curve.negative), curve.without_x, curve.by_place,
        number(curve.last_step), status, list(curve.breaks),
    )  # fmt: skip


def _arrow(found: Curves) -> bytes:
    """Columns run, key (dictionaries), x, y."""
    import numpy as np
    import pyarrow as pa

    lengths = [len(curve.x) for curve in found.curves]

    def coded(texts: list[str]) -> Any:
        known = list(dict.fromkeys(texts))
        places = np.repeat(np.array([known.index(text) for text in texts], dtype=np.int32), lengths)
        safe = [text.encode("utf-8", "backslashreplace").decode() for text in known]
        return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(safe, pa.string()))

    none = [np.empty(0)]
    table = pa.table({
        "run": coded([curve.run for curve in found.curves]),
        "key": coded([curve.key for curve in found.curves]),
        "x": np.concatenate([curve.x for curve in found.curves] or none),
        "y": np.concatenate([curve.y for curve in found.curves] or none),
    })  # fmt: skip
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


_ABOUT = (
    "The body: the header's length as uint32, little-endian; the header as JSON (`CurvesHeader`), padded with spaces "
    "so that what follows begins at a multiple of 8; then for each curve `n` float64 of x and `n` of y. Each bucket "
    "keeps its exact least and greatest point, and one of each kind that is no finite number. `Accept: "
    f"{ARROW}` gives Arrow. With `known`, the tag of an answer that the caller has, 204 says that it still holds."
)
_NUMBER: dict[str, Any] = {"type": "number"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}

ENDPOINTS = (
    Endpoint(
        "POST", "/curves", curves, "Curves of many runs and keys, reduced to buckets.", body=CurvesQuestion,
        answer=MEDIA_TYPE, about=_ABOUT, also=[204], other_types=[ARROW], is_shared=True,
        example={"runs": ["0" * 32], "keys": ["loss"], "buckets": 500, "x": "relative"},
    ),
    Endpoint(
        "GET", "/curves", curves_by_address, "The same for a few runs, by address: 304 where nothing changed.",
        parameters=[
            Parameter("run", "Uid of a run.", repeated=True, required=True, example="0" * 32),
            Parameter("key", "Key of a metric.", repeated=True, required=True, example="loss"),
            Parameter("buckets", "How many points a curve has, at most about thrice that.", _COUNT),
            Parameter("x", "step, time, relative, active, or metric:KEY."),
            Parameter("low", "The least x that is shown.", _NUMBER),
            Parameter("high", "The greatest x that is shown.", _NUMBER),
        ],
        answer=MEDIA_TYPE, about=_ABOUT, also=[304], other_types=[ARROW], is_shared=True,
    ),
    Endpoint(
        "POST", "/sparklines", sparklines, "Small curves of one key, for a table's cells.", body=SparklinesQuestion,
        answer=MEDIA_TYPE, about=_ABOUT, also=[204], other_types=[ARROW], is_shared=True,
        example={"runs": ["0" * 32], "key": "loss", "buckets": 40},
    ),
)  # fmt: skip
