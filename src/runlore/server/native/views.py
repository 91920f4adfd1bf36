"""Named views: what a page shows and how, kept in the store for all who use it."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from runlore.errors import NotFound
from runlore.names import check_key
from runlore.server.endpoint import WRITE, Endpoint, Parameter, dump
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.server.endpoint import Call

NAMESPACE = "views"
MAX_BYTES = 256 << 10
MAX_VIEWS = 5_000
_ATTEMPTS = 20


class ViewState(msgspec.Struct, forbid_unknown_fields=True):
    """What a page shows. `state` is the page's own; `experiment` says where the view belongs."""

    state: dict[str, Any]
    experiment: str | None = None
    by: str | None = None


class View(msgspec.Struct):
    """A view that was kept."""

    name: str
    experiment: str | None
    state: dict[str, Any]
    time_ms: float
    by: str | None


class Views(msgspec.Struct):
    """Views by name."""

    views: list[View]


def views(call: Call) -> Views:
    """All views, or those of an experiment and those of none."""
    experiment = call.text("experiment")
    found = [_view(about) for about in call.context.store.claims(NAMESPACE)]
    return Views([view for view in found if experiment is None or view.experiment in (None, experiment)])


def put_view(call: Call) -> View:
    """Keep a view; one of this name is replaced."""
    name, wanted = _name(call), call.body
    size = len(dump(wanted))
    if size > MAX_BYTES:
        raise Problem(413, f"the view has {size:,} bytes; at most {MAX_BYTES:,} are kept", field="state")
    store = call.context.store
    about = {
        "experiment": wanted.experiment,
        "state": wanted.state,
        "time_ns": time_ns(),
        "by": call.context.caller.name or wanted.by,
    }
    for _ in range(_ATTEMPTS):
        known = store.claimed(NAMESPACE, name)
        if known is None and len(store.claims(NAMESPACE)) >= MAX_VIEWS:
            raise Problem(409, f"there are {MAX_VIEWS:,} views, and no more can be kept; delete one", field="name")
        if known is not None:
            is_kept = store.reclaim(NAMESPACE, name, _said(known), about)
        else:
            is_kept = store.claim(NAMESPACE, name, about)
        if is_kept:
            return _view({**about, "name": name})
    raise Problem(409, f"the view {name[:100]!r} is being changed by others; try again", field="name")


def delete_view(call: Call) -> Response:
    """Forget a view."""
    name = _name(call)
    known = call.context.store.claimed(NAMESPACE, name)
    if known is None or not call.context.store.release(NAMESPACE, name, _said(known)):
        raise NotFound(f"there is no view {name[:100]!r}")
    return Response(status_code=204)


def _name(call: Call) -> str:
    return check_key(call.path("name"), "name")


def _said(known: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in known.items() if key != "name"}


def _view(about: Mapping[str, Any]) -> View:
    """A view from its claim; what is read may have been written by anybody."""
    state, time, experiment, by = (about.get(key) for key in ("state", "time_ns", "experiment", "by"))
    return View(
        str(about["name"]), experiment if isinstance(experiment, str) else None,
        state if isinstance(state, dict) else {}, time / 1e6 if isinstance(time, int) else 0.0,
        by if isinstance(by, str) else None,
    )  # fmt: skip


_NAME = Parameter("name", "Of the view.", required=True, example="best runs")

ENDPOINTS = (
    Endpoint(
        "GET", "/views", views, "The views that were kept.", answer=Views,
        parameters=[Parameter("experiment", "Only those of this experiment, and those of none.")],
    ),
    Endpoint(
        "PUT", "/views/{name:text}", put_view, "Keep a view.", WRITE, path_parameters=[_NAME], body=ViewState,
        answer=View, problems=[409, 413, 507], audited=_name,
        example={"experiment": "iris", "state": {"columns": ["name"]}},
    ),
    Endpoint(
        "DELETE", "/views/{name:text}", delete_view, "Forget a view.", WRITE, path_parameters=[_NAME], problems=[404],
        audited=_name,
    ),
)  # fmt: skip
