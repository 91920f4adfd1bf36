"""Starting, joining and resuming runs, and the one that is active."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from runlore import config, model
from runlore._version import __version__
from runlore.errors import InvalidName, NoActiveRun, WrongType
from runlore.journal import open_journal
from runlore.journal.values import flatten, to_json
from runlore.names import check_key, check_path_name, is_uid
from runlore.run import ends
from runlore.run.handle import Run
from runlore.store import DirectoryStore, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def start(
    experiment: str,
    name: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | Iterable[str] | None = None,
    description: str | None = None,
    group: str | None = None,
    parent: str | Run | None = None,
    store: str | os.PathLike[str] | DirectoryStore | None = None,
    capture: bool | Mapping[str, bool | float | str] | None = None,
    join: bool = True,
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
        parent: the run, or its uid, that this one belongs under.
        store: a path; by default `RUNLORE_STORE`, the nearest `.runlore` upwards, or `./.runlore`.
        capture: False: record nothing by itself; a mapping turns single captures on or off. See `runlore.capture`.
        join: whether `RUNLORE_RUN` is heeded.

    Raises:
        InvalidArgument, WrongType: an argument cannot be stored. Nothing was created.
        ReadOnlyStore: the store cannot be written to.

    Example:
        >>> import runlore
        >>> run = runlore.start("iris/baseline", params={"lr": 0.1}, tags=["demo"])
        >>> run.number
        1
        >>> run.finish()
    """
    check_path_name(experiment, "experiment")
    flat, tag_values = _checked(name, params, tags, description, group)
    parent_uid = _uid_of(parent)
    captures = _captures(capture)
    place = open_store(store, create=True)
    joined = config.joined_run() if join else None
    if joined is not None and not is_uid(joined):
        raise InvalidName(f"RUNLORE_RUN={joined!r} is no uid: 32 hexadecimal digits, as `run.uid` gives")
    uid = joined or model.new_uid()
    if joined:
        experiment = os.environ.get("RUNLORE_EXPERIMENT") or experiment
        check_path_name(experiment, "RUNLORE_EXPERIMENT")
    number: int | None = None
    owner = place.create_run(experiment, uid)
    path = place.run_directory(experiment, uid)
    journal = open_journal(place.journal_directory(path), uid, config.journal_mode(), fsync=config.fsync())
    if owner:
        number = place.claim_number(experiment, uid)
        about = _about(experiment, number, name, description, group, parent_uid)
        journal.event(model.START, "start", about)
    else:
        place.touch_run(path)
        journal.event(model.RESUME, "join", _process())
    run = Run(place, journal, uid=uid, number=number, experiment=experiment, path=path, name=name, owner=owner)
    _begin(run, flat, tag_values, captures)
    return run


def resume(uid: str, *, store: str | os.PathLike[str] | DirectoryStore | None = None, capture: Any = None) -> Run:
    """Go on recording a run that ended, or whose process died. Nothing of it is lost or overwritten.

    The run is `running` again until it ends anew.

    Args:
        uid: the run's uid.
        store: as for `start`.
        capture: as for `start`.

    Raises:
        RunNotFound: the store has no such run.

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
        raise WrongType(f"uid={uid!r} must be text: 32 hexadecimal digits")
    captures = _captures(capture)
    place = open_store(store)
    path = place.find_run(uid)
    journal = open_journal(place.journal_directory(path), uid, config.journal_mode(), fsync=config.fsync())
    place.touch_run(path)
    from urllib.parse import unquote

    from runlore.run.lookup import start_of

    about = start_of(path)
    journal.event(model.RESUME, "resume", _process())
    run = Run(
        place, journal, uid=uid, number=about.get("number"), path=path,
        experiment=about.get("experiment") or unquote(os.path.relpath(os.path.dirname(path), place.runs_root)),
        name=about.get("name"), owner=True,
    )  # fmt: skip
    _begin(run, {}, {}, captures)
    return run


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


def _begin(run: Run, params: dict[str, Any], tags: dict[str, Any], captures: dict[str, Any]) -> None:
    ends.watch(run)
    for key, value in params.items():
        run.log_param(key, value)
    run.set_tags(tags)
    if any(captures.values()):
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
    if params is not None and not hasattr(params, "items"):
        raise WrongType(f"params={params!r} must be a mapping of names to values")
    flat = flatten(params or {})
    for key, value in flat.items():
        check_key(key, "params")
        to_json(value, f"param {key!r}")
    if isinstance(tags, str):
        tags = [tags]
    words = dict(tags.items()) if hasattr(tags, "items") else dict.fromkeys(tags or (), "")
    for key, value in words.items():
        check_key(key, "tags")
        if not isinstance(value, (str, int, float, bool)):
            raise WrongType(f"tag {key!r}: value={value!r} must be text, not {type(value).__name__}")
    return flat, words


def _uid_of(parent: str | Run | None) -> str | None:
    if parent is None:
        return None
    uid = parent.uid if isinstance(parent, Run) else parent
    if not isinstance(uid, str) or not is_uid(uid):
        raise InvalidName(f"parent={parent!r} must be a run or its uid")
    return uid


def _captures(capture: Any) -> dict[str, Any]:
    if capture is False:
        return {}
    from runlore.capture import resolve

    return resolve(capture)


def _about(
    experiment: str, number: int, name: str | None, description: str | None, group: str | None, parent: str | None
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "experiment": experiment,
        "number": number,
        "name": name,
        "description": description,
        "group": group,
        "parent": parent,
        "user": _user(),
        "runlore": __version__,
        **_process(),
    }
    return {key: value for key, value in about.items() if value is not None}


def _process() -> dict[str, Any]:
    return {"host": os.uname().nodename, "pid": os.getpid(), "python": sys.version.split(" ", 1)[0], "user": _user()}


def _user() -> str:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        user = os.environ.get(variable)
        if user:
            return user
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())  # a container's user without an entry
