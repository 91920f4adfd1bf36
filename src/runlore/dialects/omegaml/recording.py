"""The recording half of the tracker: native runs, what is logged into them, and which one is the current one."""

from __future__ import annotations

import math
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.dialects import _native
from runlore.dialects.omegaml import objects, reading
from runlore.dialects.omegaml.provider import TrackingProvider
from runlore.errors import InvalidArgument, RunNotFound
from runlore.names import check_key, check_path_name
from runlore.run import resume, start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from runlore.run import Run

PENDING, STARTED, STOPPED = "PENDING", "STARTED", "STOPPED"
CAPTURE = {"console": False, "hardware": False, "code": False}
"""What runs record by themselves: code version and environment, in events that `data()` shows only when asked."""

_OWN, _JOINED, _INHERITED = "own", "joined", "inherited"
_NOT_LOGGED = frozenset(
    {model.START, model.STOP, model.STATUS, model.RESUME, model.ATTRIBUTE, model.LOST, model.TAG, model.SPAN}
)
"""Events that say what becomes of the native run: `log_event` does not write them."""


class RecordingTracker(TrackingProvider):
    """Records each run as one native run; `SimpleTracker` adds what reads.

    Args:
        experiment: its name.
        autotrack: whether watched models log the X and Y that they are called with.
        store: as for `runlore.start`.
        capture: what runs record by themselves, as for `runlore.start`.
        trusted: types in models that `restore_artifacts` may load, beyond the harmless ones; or True.
        allow_pickle: pickle what has no other form, and unpickle what was pickled. Only for stores that you trust.
        tags: of every run that is started.

    Raises:
        InvalidName: the name would leave the store.
    """

    def __init__(
        self, experiment: str = "default", *, autotrack: bool = False, store: Any = None, capture: Any = None,
        trusted: Iterable[str] | bool = (), allow_pickle: bool = False, tags: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(experiment, **options)
        self.autotrack = autotrack
        self.tags.update(tags or {})
        self._store = store
        self._capture = CAPTURE if capture is None else capture
        self._trusted = objects.trust(trusted)
        self._allow_pickle = allow_pickle
        self._extra: dict[str, Any] = {}
        self._open: list[tuple[Run, str]] = []
        self._late: Run | None = None
        self._number: int | None = None
        self._selected: int | None = None

    # -- runs -----------------------------------------------------------------------------------------------------

    def start(self, run: int | None = None, immediate: bool = True) -> int:
        """Start a run, or go on with the one of this number: it runs again. Its start event is visible to all at once.

        In a subprocess that has the variables of `env`, this joins the run that they name.

        Raises:
            InvalidArgument: a number that is neither a run's nor the next one.
        """
        del immediate  # it always is
        self._close_late()
        if run is not None and self._is_recorded(run):
            self._select(run)
            if self.status(run) == STOPPED:
                view = reading.view_of(self._experiment, run, self._store)
                self._open.append((resume(view.uid, store=self._store, capture=False), _OWN))
            self._writer()
            return run
        if run is not None and run != self._latest() + 1:
            raise InvalidArgument(f"run={run!r}: runs are numbered in order, and the next one is {self._latest() + 1}")
        join = os.environ.get("RUNLORE_EXPERIMENT") == self._experiment and bool(os.environ.get("RUNLORE_RUN"))
        handle = start(
            self._experiment, store=self._store, capture=self._capture, join=join, columns=self._columns(),
            tags=self.tags,
        )  # fmt: skip
        self._open.append((handle, _INHERITED if join else _OWN))
        self._selected, self._number = None, handle.number
        return handle.number

    def experiment(self, name: str | None = None) -> RecordingTracker:
        """The tracker itself, from now on of the experiment of this name if one is given: no run of it is current."""
        if name is not None and name != self._experiment:
            super().experiment(name)
            self._close_late()
            self._number = self._selected = None
        return self

    def stop(
        self, flush: bool = True, kind: type[BaseException] | None = None, error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:  # fmt: skip
        """End the run that is being recorded, as `failed` with an exception; nothing where none is.

        A subprocess that joined through `env` only ends what it records itself.
        """
        del flush
        self._close_late()
        if self._selected is not None and self.status(self._selected) == STARTED:
            self._writer()
        self._selected = None
        if not self._open:
            return
        handle, how = self._open.pop()
        self._number = handle.number
        if how == _JOINED:
            handle.log_event(model.STOP, "stop", {"status": model.FAILED if error else model.SUCCEEDED})
        handle.__exit__(kind, error, trace)

    @property
    def depth(self) -> int:
        """How many runs this handle records at the moment, one within the other."""
        return len(self._open)

    def unwind(
        self, depth: int, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the run that a `with` block started, unless that was done; let go of those that it selected."""
        self._selected = None
        while len(self._open) > depth + 1:
            handle, _ = self._open.pop()
            handle.finish()
        if len(self._open) > depth:
            self.stop(kind=kind, error=error, trace=trace)

    def active_run(self, run: int | None = None) -> int:
        """Select the run of this number (negative: from the latest back); without one join the open run, or start one.

        A run whose process died is not open.

        Raises:
            RunNotFound: there is no such run.
        """
        if run is None:
            if self._open:
                self._number = self._open[-1][0].number
                return self._number
            if self.status(self._latest() or None) != STARTED:
                return self.start()
            run = self._latest()
        self._select(run)
        return self._number or 0

    def status(self, run: int | None = None) -> str:
        """PENDING: never started. STARTED: being recorded. STOPPED: ended, or its process died. Changes nothing.

        Args:
            run: a number; by default the current run, else the latest.
        """
        found = reading.open_experiment(self._experiment, self._store)
        if found is None:
            return PENDING
        numbers = reading.select_runs(self._number or -1 if run is None else run, found.numbers)
        try:
            view = found.run(numbers[0])
        except (RunNotFound, IndexError):
            return PENDING
        return STARTED if view.ended_ns is None else STOPPED

    @property
    def userid(self) -> str:
        """Who records: the column `userid`."""
        from runlore.capture.environment import user_name

        return user_name()

    def current_run(self) -> int | None:
        """The number of the run that was started or selected last, without starting one."""
        return self._number

    def open_run(self) -> Run | None:
        """The native run that is being recorded, or selected with `use`; None where there is none."""
        return self._writer() if self._open or self._selected is not None else None

    def env(self) -> dict[str, str]:
        """Environment variables with which a subprocess joins the open run: its `with` records into the same run.

        Example:
            >>> import runlore.dialects.omegaml as om
            >>> with om.runtime.experiment("iris") as exp:
            ...     sorted(exp.env())
            ['RUNLORE_EXPERIMENT', 'RUNLORE_RUN', 'RUNLORE_STORE']
        """
        return self._writer().env()

    def _latest(self) -> int:
        found = reading.open_experiment(self._experiment, self._store)
        return found.numbers[-1] if found is not None else 0

    def _is_recorded(self, run: int) -> bool:
        found = reading.open_experiment(self._experiment, self._store)
        return found is not None and run in found.numbers

    def _select(self, run: int) -> None:
        found = reading.open_experiment(self._experiment, self._store)
        numbers = reading.select_runs(run, [] if found is None else found.numbers)
        if found is None or numbers[0] not in found.numbers:
            raise RunNotFound(f"run={run!r}: experiment {self._experiment!r} has no such run")
        self._number = self._selected = int(numbers[0])

    def _writer(self) -> Run:
        """The native run to record into: the selected one, the open one, or the current one, which may have ended.

        Raises:
            InvalidArgument: there is none.
        """
        if self._selected is not None and all(handle.number != self._selected for handle, _ in self._open):
            self._open.append((self._joined(self._selected), _JOINED))
        if self._open:
            return next((run for run, _ in reversed(self._open) if run.number == self._selected), self._open[-1][0])
        if self._number is None:
            raise InvalidArgument("no active run, call .start() or .use()")
        if self._late is None or self._late.ended:
            self._late = self._joined(self._number)
        return self._late

    def _joined(self, number: int) -> Run:
        """A handle that adds to a run, which stays as it is: running, or ended."""
        uid = reading.view_of(self._experiment, number, self._store).uid
        return start(self._experiment, join=uid, store=self._store, capture=False, columns=self._columns())

    def _close_late(self) -> None:
        """Let go of the run that rows were added to after its end."""
        if self._late is not None:
            self._late.finish()
            self._late = None

    # -- logging --------------------------------------------------------------------------------------------------

    def log_event(
        self, event: str, key: str, value: Any, step: float | None = None, dt: Any = None, **extra: Any
    ) -> None:
        """Log one fact: any event, any key, any value that can be JSON. Extras become columns.

        Raises:
            InvalidArgument: no run is active, an extra has a reserved name, or the event is one of the run itself.
            WrongType: the value cannot be stored. Nothing was logged.
        """
        run, key = self._writer(), reading.key_text(key)
        if event in _NOT_LOGGED or event == model.ARTIFACT:
            raise InvalidArgument(f"event={event!r} cannot be logged; use start, stop, log_artifact, or another name")
        time = _time(dt)
        if event == model.METRIC and not extra and _is_scalar(value):
            run.log_metric(key, value, step, time)
        else:
            run.log_event(event, key, value, step=step, time=time, columns=extra)

    def log_events(
        self, event: str, key: str, values: Iterable[Any], step: float | None = None, dt: Any = None, **extra: Any
    ) -> None:
        """Log one row a value; all share step, time and extras, and keep their order."""
        dt = datetime.now(timezone.utc) if dt is None else dt
        for value in values:
            self.log_event(event, key, value, step=step, dt=dt, **extra)

    def log_artifact(
        self, obj: Any, name: str, step: float | None = None, dt: Any = None, event: str | None = None,
        key: str | None = None, *, allow_pickle: bool | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log an object: a model, a frame, an array, a builtin, a path; with `allow_pickle`, anything that pickles.

        `allow_pickle` is by default what the tracker was made with.

        Raises:
            UnsafeLoad: only a pickle could hold it, and none is allowed.
            InvalidName: the name would leave the run.
            InvalidArgument: no run is active, or an extra has a reserved name. Nothing was logged in any case.
        """
        from runlore.dialects.omegaml.watching import unwatched

        run, time, name = self._writer(), _time(dt), check_path_name(reading.key_text(name), "name")
        key = name if key is None else check_key(reading.key_text(key), "key")
        allowed = self._allow_pickle if allow_pickle is None else allow_pickle
        encoded, shown = objects.encode(unwatched(obj), allow_pickle=allowed)
        origin = {"event": event or model.ARTIFACT, "key": key, "format": shown}
        run.log_encoded(encoded, name, step, time=time, metadata={objects.ORIGIN: origin}, columns=extra)

    def log_system(
        self, key: str | None = None, value: Any = None, step: float | None = None, dt: Any = None, **extra: Any
    ) -> None:
        """Log platform, Python and packages, or another value, as a `system` event."""
        from runlore.capture.environment import system_snapshot

        about = system_snapshot() if value is None else value
        self.log_event(model.SYSTEM, key or "system", about, step=step, dt=dt, **extra)

    def log_extra(self, remove: bool = False, **extra: Any) -> None:
        """Give every later row of this handle, also of later runs, further columns.

        Args:
            remove: remove the named columns instead, or all without names.
            extra: the columns.

        Raises:
            InvalidArgument: a reserved name, such as `event`.
        """
        if remove:
            kept = {name: value for name, value in self._extra.items() if extra and name not in extra}
        else:
            _native.check_columns(extra)
            _native.to_json(extra, "extra columns")
            kept = {**self._extra, **extra}
        gone = dict.fromkeys(self._extra.keys() - kept.keys())
        for run in [*(run for run, _ in self._open), *filter(None, [self._late])]:
            run.log_extra(**gone, **kept)
        self._extra = kept

    def _columns(self) -> dict[str, Any]:
        return {name: value for name, value in self._extra.items() if value is not None}


def _time(dt: Any) -> Any:
    if not isinstance(dt, str):
        return dt
    import pandas as pd

    try:
        return pd.Timestamp(dt)
    except ValueError as error:
        raise InvalidArgument(f"dt={dt!r} is not a time; give a datetime, naive ones are UTC") from error


def _is_scalar(value: Any) -> bool:
    """Whether a metric is a point of a series; others are kept as they are, beside them."""
    if isinstance(value, (bool, int, float)):
        return not isinstance(value, int) or abs(value) <= math.floor(1e308)
    return hasattr(value, "item") and getattr(value, "ndim", 0) == 0 and not isinstance(value.item(), (str, bytes))
