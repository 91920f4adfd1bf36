"""Where things are kept that MLflow has beside runs: files of logged models and of traces, and spans of no run.

All of them live in runs. A logged model lives in the run that made it. What belongs to no run lives in one run of an
experiment's own, `<experiment>/traces`, which MLflow's clients do not see and everybody else does.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from runlore import model
from runlore.errors import RunNotFound
from runlore.model import new_uid
from runlore.names import check_file_name, is_uid
from runlore.run.recording import begin_run
from runlore.server.mlflow.experiments import HIDDEN, Experiments
from runlore.server.mlflow.logging import held
from runlore.server.mlflow.message import MISSING, MlflowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.recorder import Recorder
    from runlore.server.context import Context

MODELS = "mlflow-models"
"""Claims of the ids of logged models, with the run that each lives in."""

MOST_ESCAPED = 10
"""How often a path is looked at for escapes within escapes."""

MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
TRACE_ID = re.compile(r"(?:tr-)?[0-9a-zA-Z_-]{1,64}")
_UNSEEN = re.compile(r"(?:models/m-[0-9a-f]{32}|traces/[^/]+)/")


class Home(NamedTuple):
    """Where files are: in a run, below a prefix.

    Attributes:
        run: uid.
        prefix: of the names of its artifacts; empty, or with a slash at its end.
        name: the file or folder that is meant; empty: all of it.
    """

    run: str
    prefix: str
    name: str


def is_seen(name: str) -> bool:
    """Whether an artifact of a run is one to MLflow's clients, and not a file of a logged model or a trace.

    Example:
        >>> is_seen("models/best.pkl"), is_seen("models/m-" + "0" * 32 + "/MLmodel")
        (True, False)
    """
    return _UNSEEN.match(name) is None


def container(context: Context, native: str) -> str:
    """Uid of the run in which an experiment's things of no run live; made now where there is none.

    Args:
        context: what the server works on.
        native: the experiment, as runs name it.
    """
    store, name = context.store, f"{native}/traces"
    claimed = store.claimed(HIDDEN, name)
    while claimed is None:
        store.claim(HIDDEN, name, {"uid": new_uid()})
        claimed = store.claimed(HIDDEN, name)
    uid = str(claimed["uid"])
    try:
        store.open_run(uid)
    except RunNotFound:
        begin_own(context, name, uid, "traces", "Spans and files that MLflow's clients recorded in no run")
    return uid


def begin_own(context: Context, experiment: str, uid: str, name: str, note: str) -> None:
    """Begin a run that is the server's own, unless there is one with this uid: it ends with the server.

    Args:
        context: what the server works on.
        experiment: of the run; MLflow's clients do not see it where it is claimed as `HIDDEN`.
        uid: of the run.
        name: of the run.
        note: what it is, for those who find it.
    """
    about = {"name": name, "group": HIDDEN, "protocol": "mlflow"}
    begun = begin_run(context.store, experiment, uid=uid, about=about)
    if begun is not None:
        begun.recorder.event(model.NOTE, "note", note)
        context.recorders.adopt(begun, deleted=False, ends=True)


@contextmanager
def container_held(context: Context, native: str) -> Iterator[Recorder]:
    """What appends to the run of an experiment's things of no run."""
    with own_held(context, container(context, native)) as recorder:
        yield recorder


@contextmanager
def own_held(context: Context, uid: str) -> Iterator[Recorder]:
    """What appends to a run of the server's own; where the server ended it when it ended itself, it goes on."""
    with held(context, uid) as found:
        if "ends" not in found.known:
            found.known["ends"] = True
            found.recorder.event(model.RESUME, "resume", {"protocol": "mlflow"})
        yield found.recorder


def model_home(context: Context, identifier: str, name: str = "") -> Home:
    """Where the files of a logged model are.

    Raises:
        MlflowError: there is no such model.
    """
    claimed = context.store.claimed(MODELS, identifier) if MODEL_ID.fullmatch(identifier) else None
    if claimed is None:
        raise MlflowError(f"Logged model with ID '{identifier[:100]}' not found", MISSING)
    return Home(str(claimed["run"]), f"models/{identifier}/", name)


def model_location(context: Context, identifier: str) -> str:
    """Where clients find the files of a logged model."""
    claimed = context.store.claimed(MODELS, identifier) or {}
    place = Experiments(context).place_of(str(claimed.get("experiment")))
    return f"{place.location}/models/{identifier}/artifacts"


def home_of(context: Context, path: str) -> Home:
    """Where the files are that a path of the artifact proxy means.

    Args:
        context: what the server works on.
        path: `…/<run>/artifacts/…`, `…/models/<model>/artifacts/…` or `<experiment>/traces/<trace>/artifacts/…`.

    Raises:
        MlflowError: it means no such place, or would lead out of it.
    """
    parts = checked(path).split("/") if path else []
    for place in range(len(parts) - 1):
        if parts[place + 1] != "artifacts":
            continue
        owner, sort = parts[place], parts[place - 1] if place else ""
        name = "/".join(parts[place + 2 :])
        if sort == "models" and MODEL_ID.fullmatch(owner):
            return model_home(context, owner, name)
        if sort == "traces" and place > 1 and TRACE_ID.fullmatch(owner):
            native = Experiments(context).get(parts[place - 2]).native
            return Home(container(context, native), f"traces/{owner}/", name)
        if is_uid(owner):
            return Home(owner, "", name)
    raise MlflowError(
        f"Nothing is kept at {path[:200]!r}: artifacts are those of runs, logged models and traces", MISSING
    )


def checked(path: str) -> str:
    """A path of a file or folder, as a name.

    Raises:
        MlflowError: it would lead out of where it is, or is no name.
    """
    trimmed = path if path.startswith("/") else path.rstrip("/")
    if "\\" in trimmed and any(part in {".", ".."} for part in trimmed.replace("\\", "/").split("/")):
        raise MlflowError("Invalid path")
    plain = trimmed
    for _ in range(MOST_ESCAPED):
        plain, before = unquote(plain), plain
        if plain == before:
            break
        if ".." in plain.replace("\\", "/").split("/"):
            raise MlflowError("Invalid path")  # whoever passes it on may read it so
    try:
        return check_file_name(trimmed, "path")
    except ValueError:
        raise MlflowError("Invalid path") from None
