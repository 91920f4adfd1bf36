"""LUML's experiments as runs of a store: which run an id means, the handles that write, how they end.

An experiment is a run. Its group is the run's experiment, and its group too where one was given; its id is the tag
`luml_id`, and unique because it is claimed before the run is created. A run that LUML knows nothing of is an
experiment as well: its id is its uid.
"""

from __future__ import annotations

import math
import os
import threading
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.dialects._native import has_run, holds_claim, number_of, open_session, open_store, step_of
from runlore.errors import AlreadyExists, InvalidArgument, InvalidName, RunNotFound, WrongType
from runlore.names import check_key, check_path_name, is_uid
from runlore.run import resume, start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.reader import RunView
    from runlore.reader.session import Session
    from runlore.run import Run

ID_TAG = "luml_id"
DEFAULT_GROUP = "default"
"""The native experiment of experiments without a group."""

_NAMESPACE = "luml"


def check_id(experiment_id: object) -> str:
    """An experiment's id: text without `/` that could be one component of a path.

    Raises:
        WrongType, InvalidName: it could not.
    """
    text = check_path_name(experiment_id, "experiment_id")
    if "/" in text:
        raise InvalidName(f"experiment_id={text!r} contains '/'; choose an id without, and use group= to sort")
    return text


class Handle:
    """A run that is open for writing, and the next step of each of its series.

    The process that started the run, or resumed it, counts steps. Any other (one that joined the run, a forked child)
    cannot know what the first one counts: there a point without a step is recorded without one, and gets a step of its
    own when it is read, after all others.
    """

    def __init__(self, run: Run, *, counts: bool, continued: bool = False) -> None:
        self.run = run
        self.owned = counts
        self.evals: set[tuple[str, str]] = set()
        self.traces: set[str] = set()
        self._continued = continued
        self._pid = os.getpid()
        self._next: dict[str, int] = {}
        self._lock = threading.Lock()

    def point(self, key: str, value: Any, step: Any) -> None:
        """Record one point."""
        check_key(key, "key")
        number = number_of(key, _parsed(key, value) if isinstance(value, str) else value)
        if self.owned and os.getpid() == self._pid:
            with self._lock:
                step = self._step(key, step)
        self.run.log_metric(key, number, step)

    def _step(self, key: str, step: Any) -> Any:
        if key not in self._next:
            self._next[key] = self._after_stored(key) if self._continued else 0
        step = self._next[key] if step is None else step_of(step)
        if math.isfinite(step):
            self._next[key] = max(self._next[key], math.floor(step) + 1)
        return step

    def _after_stored(self, key: str) -> int:
        import numpy as np

        steps = self.run.store.open_run(self.run.uid, experiment=self.run.experiment).points([key]).step
        steps = steps[np.isfinite(steps)]
        return max(0, math.floor(steps.max()) + 1) if len(steps) else 0


def _parsed(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidArgument(f"metric {key!r}: value={text!r} is not a number; log text with log_static") from None


class Experiments:
    """The experiments of one store. Threads may share it; a forked child goes on with the handles of its parent.

    Args:
        path: of the store, which is made if it does not exist.
    """

    def __init__(self, path: str) -> None:
        self.store = open_store(path, create=True)
        self._open: dict[str, Handle] = {}
        self._lock = threading.RLock()

    # -- which run an id means ----------------------------------------------------------------------------------

    def session(self) -> Session:
        """The store for reading, up to date."""
        return open_session(self.store)

    def find(self, experiment_id: object) -> RunView | None:
        """The run of this id, or None: there is none, or it was deleted."""
        from runlore.query import Compare, Tag
        from runlore.reader import RunView

        wanted = check_id(experiment_id)
        session = self.session()
        about = self.store.claimed(_NAMESPACE, wanted)
        for uid in (about and about.get("uid"), wanted):
            if uid and is_uid(uid):
                try:
                    view = RunView(session, session.find(uid))
                except RunNotFound:
                    continue
                return None if view.deleted else view
        found = session.page(Compare(Tag(ID_TAG), "=", wanted), "-started", 1, facts=True, last=True).runs
        return RunView(session, found[0]) if found else None

    def view(self, experiment_id: object) -> RunView:
        """The run of this id.

        Raises:
            InvalidArgument: there is none.
        """
        view = self.find(experiment_id)
        if view is None:
            raise InvalidArgument(
                f"Experiment {experiment_id!r} not found in the store {self.store.location!r}; see list_experiments()"
            )
        return view

    # -- writing ------------------------------------------------------------------------------------------------

    def start(self, experiment_id: str | None, name: str | None, group: str | None, tags: Any) -> str:
        """Start a run; returns its id. What is refused leaves nothing behind."""
        if experiment_id is not None:
            check_id(experiment_id)
        if group is not None:
            check_path_name(group, "group")
        if name:
            check_key(name, "name")
        words = check_words(tags)
        uid = model.new_uid()
        wanted = uid if experiment_id is None else experiment_id
        about = {"uid": uid, "time_ns": time_ns()}
        if experiment_id is not None:
            self._claim(wanted, about)
        try:
            run = start(
                group or DEFAULT_GROUP, name or None, tags={ID_TAG: wanted, **words}, group=group, store=self.store,
                uid=uid,
            )  # fmt: skip
        except BaseException:
            self.store.release(_NAMESPACE, wanted, about)
            raise
        self._keep(wanted, Handle(run, counts=True))
        return wanted

    def _claim(self, wanted: str, about: Mapping[str, Any]) -> None:
        """Make the id this run's alone.

        Raises:
            AlreadyExists: it is taken.
        """
        if is_uid(wanted) and has_run(self.store, wanted):
            raise _taken(wanted)
        while not self.store.claim(_NAMESPACE, wanted, about):
            known = self.store.claimed(_NAMESPACE, wanted)
            if known is None:
                continue
            if holds_claim(self.store, known):
                raise _taken(wanted)
            self.store.release(_NAMESPACE, wanted, known)  # its process died, or the run was deleted

    def resume(self, experiment_id: str) -> str:
        """Open an experiment again that ended or died."""
        view = self.view(experiment_id)
        self._keep(experiment_id, Handle(resume(view.uid, store=self.store), counts=True, continued=True))
        return experiment_id

    def handle(self, experiment_id: str) -> Handle:
        """Where to write to an experiment: its open run, or one that is joined now.

        Raises:
            InvalidArgument: there is no such experiment.
        """
        handle = self._open.get(experiment_id)
        if handle is not None and not handle.run.ended:
            return handle
        with self._lock:
            handle = self._open.get(experiment_id)
            if handle is not None and not handle.run.ended:
                return handle
            view = self.find(experiment_id)
            if view is None:
                raise InvalidArgument(f"Experiment {experiment_id!r} not initialized. Call start_experiment() first.")
            run = start(view.experiment, store=self.store, join=view.uid, capture=False)
            return self._keep(experiment_id, Handle(run, counts=False))

    def opened(self, experiment_id: str | None) -> Run | None:
        """The run of an experiment that was opened here, whether or not it ended. Never raises."""
        handle = None if experiment_id is None else self._open.get(experiment_id)
        return None if handle is None else handle.run

    def _keep(self, experiment_id: str, handle: Handle) -> Handle:
        with self._lock:
            before = self._open.get(experiment_id)
            self._open[experiment_id] = handle
        if before is not None:
            before.run.finish()
        return handle

    # -- the end ------------------------------------------------------------------------------------------------

    def end(self, experiment_id: str, status: str, about: Mapping[str, Any] | None = None) -> None:
        """End an experiment, whoever records it; one that ended otherwise ends anew. Unknown ids are passed over."""
        check_id(experiment_id)
        with self._lock:
            handle = self._open.get(experiment_id)
        if handle is not None and not handle.run.ended:
            handle.run.end(status, dict(about or {}))
            if handle.owned:
                return
        view = self.find(experiment_id)
        if view is not None and view.status != status:
            resume(view.uid, store=self.store, capture=False).end(status, dict(about or {}))

    def delete(self, experiment_id: str) -> None:
        """Put an experiment into the trash; its id is free again. Unknown ids are passed over."""
        view = self.find(experiment_id)
        if view is None:
            return
        with self._lock:
            handle = self._open.pop(experiment_id, None)
        if handle is not None:
            handle.run.finish(model.STOPPED)
        view.delete()
        about = self.store.claimed(_NAMESPACE, experiment_id)
        if about is not None:
            self.store.release(_NAMESPACE, experiment_id, about)


def _taken(experiment_id: str) -> AlreadyExists:
    return AlreadyExists(
        f"experiment_id={experiment_id!r} is taken, and starting it again would hide what it has. Nothing was changed; "
        f"to go on with it call resume_experiment({experiment_id!r})"
    )


def check_words(tags: Any) -> dict[str, str]:
    """Tags that are words, as a run takes them.

    Raises:
        WrongType, InvalidArgument: they are no list of words, or one of them is not for users.
    """
    if tags is not None and not isinstance(tags, (list, tuple, set, frozenset)):
        raise WrongType(f"tags={tags!r} must be a list of words")
    for tag in tags or ():
        if check_key(tag, "tags") == ID_TAG:
            raise InvalidArgument(f"tags: {ID_TAG!r} holds the experiment's id; choose another word")
    return dict.fromkeys(tags or (), "")
