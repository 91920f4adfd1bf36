"""Announcing a run: it is made if it is new, and gets its number."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import msgspec

from runlore.errors import RunNotFound
from runlore.model import ATTRIBUTE
from runlore.names import check_path_name
from runlore.server.endpoint import READ, WRITE, Endpoint, Parameter
from runlore.server.problems import Problem
from runlore.server.receiving.room import check_uid, disk, files_of
from runlore.store.start_event import start_of

if TYPE_CHECKING:
    from runlore.server.endpoint import Call
    from runlore.store.directory_run import DirectoryRun

_EXAMPLE = {"experiment": "iris/baseline", "uid": "0192f0c1a2b47192b0c1a2b40192f0c1"}


class Announcement(msgspec.Struct):
    """A run that will be sent."""

    experiment: str
    uid: str


class SentRun(msgspec.Struct):
    """A run as the server has it.

    Attributes:
        uid: of the run.
        experiment: its experiment.
        number: null where nobody announced it.
        name: as its start event gives it, where that has arrived.
        is_new: whether this announcement made it: of several, exactly one is told so.
    """

    uid: str
    experiment: str
    number: int | None
    name: str | None = None
    is_new: bool = False


def announce(call: Call) -> SentRun:
    """Make the run if it is new, and give it a number if it has none. Twice is the same as once.

    Raises:
        InvalidName: the experiment's name or the uid is none.
        NotAllowed: the caller may not write in the experiment.
        Problem: another experiment has a run with this uid (409).
        NotStored, ReadOnlyStore: it cannot be made.
    """
    told: Announcement = call.body
    experiment, uid = check_path_name(told.experiment, "experiment"), check_uid(told.uid, "uid")
    call.context.check(WRITE, experiment)
    store = files_of(call)
    with disk(f"run {uid}"):
        run = _known(call, uid, experiment)
        if run is None and call.context.sight is not None:
            call.context.sight.make_room(experiment, runs=1)
        is_new = run is None and store.create_run(experiment, uid)
        if run is None:
            run = store.open_run(uid, experiment=experiment)
        return _about(run, experiment, give=True, call=call, is_new=is_new)


def look(call: Call) -> SentRun:
    """A run of which its uid is known: for who resumes it on another machine.

    Raises:
        RunNotFound: there is none.
    """
    uid = check_uid(call.path("uid"), "uid")
    run = files_of(call).open_run(uid, experiment=call.text("experiment"))
    if not call.context.caller.sees(run.experiment):
        raise RunNotFound(f"no run of the store has the uid {uid!r}")
    return _about(run, "", give=False, call=call)


def _known(call: Call, uid: str, experiment: str) -> DirectoryRun | None:
    store = files_of(call)
    try:
        return store.open_run(uid, experiment=experiment)
    except RunNotFound:
        pass
    try:
        run = store.open_run(uid)
    except RunNotFound:
        return None
    if run.directory == store.run_directory(experiment, uid):
        return run  # somebody else made it since
    other = run.start().get("experiment") or run.experiment
    if not call.context.caller.sees(run.experiment):
        raise Problem(409, f"uid={uid!r} is that of another run", field="uid", value=uid)
    raise Problem(
        409, f"experiment={experiment!r}: the run {uid} is there, and belongs to the experiment {other!r}",
        field="experiment", value=experiment,
    )  # fmt: skip


def _about(run: DirectoryRun, experiment: str, *, give: bool, call: Call, is_new: bool = False) -> SentRun:
    start = start_of(run.directory)
    found = start.get("experiment")
    name = start.get("name")
    number = _number(run, experiment, call) if give else run.number()
    return SentRun(
        uid=run.uid,
        experiment=found if isinstance(found, str) else experiment or run.experiment,
        number=number,
        name=name if isinstance(name, str) else None,
        is_new=is_new,
    )


def _number(run: DirectoryRun, experiment: str, call: Call) -> int:
    """The number of the run; given to it now, if it has none. Of several that ask at once, all get the same."""
    descriptor = os.open(run.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        known = run.number()
        if known is None:
            known = files_of(call).claim_number(experiment, run.uid)
            run.annotate([(ATTRIBUTE, "number", known)])
        return known
    finally:
        os.close(descriptor)


ENDPOINTS = (
    Endpoint(
        "POST", "/runs", announce, "Announce a run that will be sent; it gets its number.", WRITE,
        body=Announcement, answer=SentRun, problems=[404, 409, 413, 415, 507], example=_EXAMPLE,
    ),
    Endpoint(
        "GET", "/runs/{uid}", look, "A run that somebody is about to go on with.", READ, answer=SentRun,
        parameters=[Parameter("experiment", "Where it is; by default it is looked for.", example="iris/baseline")],
        problems=[404, 409],
    ),
)  # fmt: skip
