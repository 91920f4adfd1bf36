"""Starting, joining and resuming runs, and the one that is active."""

from __future__ import annotations

import os
import sys

from runlore import config, model
from runlore.errors import AlreadyExists, InvalidName, NoActiveRun, WrongType
from runlore.journal.values import flatten, to_json
from runlore.names import check_key, check_path_name, is_uid
from runlore.run import ends
from runlore.run.arguments import check_columns, check_event
from runlore.run.handle import Run
from runlore.run.losses import Beginning
from runlore.run.recording import begin_run
from runlore.store import open_store
from runlore.store.base import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_PYTHON = sys.version.split(" ", 1)[0]
_users: dict[int, str] = {}
"""Names of users that were looked up."""


def start(
    experiment: str,
    name: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | Iterable[str] | None = None,
    description: str | None = None,
    group: str | None = None,
    parent: str | Run | None = None,
    store: str | os.PathLike[str] | Store | None = None,
    capture: bool | Mapping[str, bool | float | str | Mapping[str, Any]] | None = None,
    join: bool | str = True,
    columns: Mapping[str, Any] | None = None,
    uid: str | None = None,
) -> Run:
    """Start a run.

    Where `RUNLORE_RUN` names a run, the process joins that one: see `Run.env`.

    Args:
        experiment: name of the experiment, a path such as `vision/cifar10`.
        name: a name for people.
        params: recorded at once; nested mappings flatten with `/`.
        tags: a mapping, or words.
        description: text.
        group: a word that runs share which belong together, such as the seeds of one configuration.
        parent: the run that this one belongs under: a handle, or a text that names one as for `runlore.get_run`.
        store: a path, or the address of a server, `https://…`, to which the run is sent; by default `RUNLORE_STORE`,
            the nearest `.runlore` upwards, or `./.runlore`.
        capture: False: record nothing by itself; a mapping turns single captures on or off. See `runlore.capture`.
        join: whether `RUNLORE_RUN` is heeded; or a text that names the run of this experiment that is to be joined,
            as for `runlore.get_run`.
        columns: extra columns of every record of this process from the start event on; see `Run.log_extra`.
        uid: of the new run, where it was chosen beforehand with `runlore.model.new_uid`. Nothing is joined then.

    Raises:
        AlreadyExists: the experiment has a run with this uid.
        InvalidArgument, WrongType: an argument cannot be stored. Nothing was created.
        NotStored: there is no room, no descriptor left, or whatever else keeps the run from beginning.
        ReadOnlyStore: the store cannot be written to.
        StoreNotFound: the working directory, from which the store would be found, was deleted.
        RunNotFound: the experiment has no run that `join` names, or the store none that `parent` does.

    Example:
        >>> import runlore
        >>> run = runlore.start("iris/baseline", params={"lr": 0.1}, tags=["demo"])
        >>> run.number
        1
        >>> run.finish()
    """
    check_path_name(experiment, "experiment")
    flat, tag_values = _checked(name, params, tags, description, group)
    parent_uid, parent_text = _named_parent(parent)
    if columns:
        check_columns(columns)
        to_json(dict(columns), "columns")
    if uid is not None and not is_uid(uid):
        raise InvalidName(f"uid={uid!r} is no uid: 32 hexadecimal digits, as runlore.model.new_uid() gives")
    about = {"name": name, "description": description, "group": group, "parent": parent_uid}
    exists = isinstance(join, str) or parent_text is not None  # a store with a run that is looked for
    with Beginning("the run cannot be started"):
        captures = _captures(capture)
        place = _open_place(store, create=not exists)
        if parent_text is not None:
            about["parent"] = _find_uid(parent_text, place)
        joined, experiment = (None, experiment) if uid is not None else _joined(join, experiment, place)
        _end_earlier_of_this_cell()
        run = _open(place, experiment, uid or joined or model.new_uid(), about, columns or {}, new=uid is not None)
    _begin(run, flat, tag_values, captures)
    return run


def _open(
    place: Store, experiment: str, uid: str, about: dict[str, Any], columns: Mapping[str, Any], *, new: bool
) -> Run:
    """A run's handle, whose start is recorded, or that this process joined it.

    Args:
        place: where.
        experiment: its experiment.
        uid: its uid.
        about: what else the start event says.
        columns: extra columns of every record of this process.
        new: there must be no such run yet.
    """
    begun = begin_run(place, experiment, uid=uid, about={**about, **_process()}, columns=columns)
    if begun is None and new:
        raise AlreadyExists(f"experiment {experiment!r} has a run with the uid {uid!r}; to go on with it, resume it")
    if begun is not None:
        run = Run(place, begun.run, begun.recorder, begun.number, experiment, about["name"], owner=True, start=start)
    else:
        joined = place.open_run(uid, experiment=experiment)
        recorder = joined.record()
        if columns:
            recorder.columns(columns)
        recorder.event(model.RESUME, "join", _process())
        run = Run(place, joined, recorder, None, experiment, about["name"], owner=False, start=start)
    run._extra = dict(columns)  # noqa: SLF001 - what `log_extra` adds to
    return run


def resume(uid: str, *, store: str | os.PathLike[str] | Store | None = None, capture: Any = None) -> Run:
    """Go on recording a run that ended, or whose process died. Nothing of it is lost or overwritten.

    The run is `running` again until it ends anew.

    Args:
        uid: names the run as for `runlore.get_run`: by its uid, the beginning of it, or as `experiment#number`. A whole
            uid is the quickest: for the others the index is asked.
        store: as for `start`.
        capture: as for `start`.

    Raises:
        NotStored: as for `start`.
        RunNotFound: the store has no such run, or several could be meant.
        NotReachable: the run is at a server that does not answer.

    Example:
        >>> import runlore
        >>> with runlore.start("iris") as run:
        ...     run.log_metric("loss", 2.0, step=1)
        >>> with runlore.resume(run.uid) as again:
        ...     again.log_metric("loss", 1.0, step=2)
        >>> again.number
        1
    """
    if not isinstance(uid, str):
        raise WrongType(f"uid={uid!r} must be text: a uid, or experiment#number")
    with Beginning(f"the run {uid!r} cannot be resumed"):
        captures = _captures(capture)
        place = _open_place(store, create=False)
        _end_earlier_of_this_cell()
        run = _reopen(place, uid if is_uid(uid) or not _names_a_run(uid) else _find_uid(uid, place))
    _begin(run, {}, {}, captures)
    return run


def _reopen(place: Store, uid: str) -> Run:
    """A handle that goes on with a run."""
    run = place.open_run(uid)
    about = run.start()
    recorder = run.record()
    recorder.event(model.RESUME, "resume", _process())
    experiment = about.get("experiment") or run.experiment
    return Run(place, run, recorder, about.get("number"), experiment, about.get("name"), owner=True, start=start)


def active_run() -> Run:
    """The run that this process started last and has not finished.

    Raises:
        NoActiveRun: there is none.

    Example:
        >>> import runlore
        >>> with runlore.start("iris") as run:
        ...     runlore.active_run() is run
        True
    """
    for run in reversed(list(ends.open_runs.values())):
        return run
    raise NoActiveRun("no run is active in this process; start one with runlore.start('experiment')")


def _open_place(store: str | os.PathLike[str] | Store | None, *, create: bool) -> Store:
    """The store to record into; for a server it is the spool from which its runs are sent."""
    if isinstance(store, Store):
        return store
    address = config.store_address(store)
    if "://" not in address:
        return open_store(address, create=create)
    from runlore.ship.store import open_spooled

    return open_spooled(address)


def _joined(join: bool | str, experiment: str, place: Store) -> tuple[str | None, str]:
    """The uid of the run to join, if any, and its experiment."""
    if isinstance(join, str):
        if is_uid(join):
            place.open_run(join, experiment=experiment)
            return join, experiment
        if not _names_a_run(join):
            raise InvalidName(f"join={join!r} names no run: a uid, the beginning of one, or experiment#number does")
        return _find_uid(join, place, experiment=experiment), experiment
    joined = config.joined_run() if join else None
    if joined is None:
        return None, experiment
    if not is_uid(joined):
        raise InvalidName(f"RUNLORE_RUN={joined!r} is no uid: 32 hexadecimal digits, as `run.uid` gives")
    return joined, check_path_name(os.environ.get("RUNLORE_EXPERIMENT") or experiment, "RUNLORE_EXPERIMENT")


def _end_earlier_of_this_cell() -> None:
    """In a notebook, end what an earlier execution of the same cell left open; see `runlore.run.cells`."""
    if "ipykernel" in sys.modules:
        from runlore.run import cells

        cells.end_earlier()


def _begin(run: Run, params: dict[str, Any], tags: dict[str, Any], captures: dict[str, Any]) -> None:
    ends.watch(run)
    if "ipykernel" in sys.modules:
        from runlore.run import cells

        cells.began(run)
    for key, value in params.items():
        run.log_param(key, value)
    run.set_tags(tags)
    if any(captures.values()):
        with run._keeping("what is captured:", "captures"):  # noqa: SLF001 - the run goes on without
            from runlore.run.capturing import begin

            run._captures = begin(run, captures, joined=not run._owner)  # noqa: SLF001 - the handle stops what it holds


def _checked(
    name: str | None, params: Mapping[str, Any] | None, tags: Any, description: str | None, group: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Refuse what cannot be stored, before anything is."""
    for argument, text in (("name", name), ("group", group)):
        if text is not None:
            check_key(text, argument)
    if description is not None and not isinstance(description, str):
        raise WrongType(f"description={description!r} must be text")
    flat = flatten({} if params is None else params)
    for key, value in flat.items():
        check_key(key, "params")
        check_event(model.PARAM, key, value)
    if isinstance(tags, str):
        tags = [tags]
    words = dict(tags.items()) if hasattr(tags, "items") else dict.fromkeys(tags or (), "")
    for key, value in words.items():
        check_key(key, "tags")
        if not isinstance(value, (str, int, float, bool)):
            raise WrongType(f"tag {key!r}: value={value!r} must be text, not {type(value).__name__}")
    return flat, words


def _named_parent(parent: str | Run | None) -> tuple[str | None, str | None]:
    """The uid of the parent, or the text by which it has to be looked up."""
    if parent is None:
        return None, None
    uid = parent.uid if isinstance(parent, Run) else parent
    if isinstance(uid, str) and is_uid(uid):
        return uid, None
    if not isinstance(uid, str) or not _names_a_run(uid):
        raise InvalidName(f"parent={parent!r} must be a run, its uid, the beginning of it, or experiment#number")
    return None, uid


def _names_a_run(text: str) -> bool:
    from runlore.run.naming import names_a_run  # deferred: only what is no whole uid needs it

    return names_a_run(text)


def _find_uid(text: str, place: Store, *, experiment: str | None = None) -> str:
    from runlore.run.naming import find_uid

    return find_uid(text, place, experiment=experiment)


def _captures(capture: Any) -> dict[str, Any]:
    if capture is False:
        return {}
    from runlore.capture import resolve

    return resolve(capture)


def _process() -> dict[str, Any]:
    return {"host": os.uname().nodename, "pid": os.getpid(), "python": _PYTHON, "user": _user()}


def _user() -> str:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        user = os.environ.get(variable)
        if user:
            return user
    uid = os.getuid()
    if uid not in _users:
        import pwd

        try:
            _users[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            _users[uid] = str(uid)  # a container's user without an entry
    return _users[uid]
