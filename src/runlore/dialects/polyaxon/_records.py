"""What is recorded of an experiment, a job or a group: names, tags, params, data, statuses, files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from runlore import config
from runlore.dialects._absent import Absent, refuse
from runlore.dialects._native import flatten, record_now
from runlore.dialects.polyaxon._names import BACKEND, BUILD, as_text, check_slug, words
from runlore.errors import InvalidArgument, RunloreError, WrongType
from runlore.model import DATA, TAG
from runlore.names import check_key

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from runlore.dialects.polyaxon._names import Tagging
    from runlore.reader import RunView
    from runlore.run import Run

STATUSES = (
    "created", "resuming", "warning", "unschedulable", "building", "compiled", "queued", "scheduled", "starting",
    "running", "succeeded", "failed", "upstream_failed", "stopping", "stopped", "skipped", "unknown",
)  # fmt: skip
"""What Polyaxon calls the stages of a run."""

ENDS = {"succeeded": "succeeded", "failed": "failed", "upstream_failed": "failed", "stopped": "stopped",
        "skipped": "stopped"}  # fmt: skip
"""Those that end a run, and what Runlore calls them."""


def check_outputs_store(store: Any) -> Any:
    """The store itself, or None.

    Raises:
        WrongType: it lacks one of the methods.
    """
    if store is not None and not (hasattr(store, "upload_file") and hasattr(store, "upload_dir")):
        raise WrongType(f"outputs_store={store!r} must have the methods upload_file and upload_dir")
    return store


class Records:
    """The part of `Tracker` that records."""

    outputs_store: Any
    last_status: str | None
    _run: Run | None
    _store: Any
    _uid: str | None

    if TYPE_CHECKING:

        @property
        def run(self) -> Run:
            """The Runlore run."""

    def _view(self) -> RunView:
        """What is recorded of the run, which reading neither resumes nor opens."""
        from runlore.reader import get_run

        uid = self.run.uid if self._uid is None else self._uid
        return get_run(uid, store=self._store if self._run is None else self._run.store)

    def set_name(self, name: str) -> None:
        """Give it another name: letters, digits, `-` and `_`."""
        self.run.set_name(check_slug(name))

    def set_description(self, description: str) -> None:
        """Describe it."""
        self.run.set_description(description)

    def log_backend(self, backend: str) -> None:
        """Say what it runs on."""
        self.run.set_tag(BACKEND, as_text(backend, "backend"))

    def log_build(self, build_id: int | str) -> None:
        """Say which build it belongs to."""
        self.run.set_tag(BUILD, as_text(build_id, "build_id"))

    @property
    def tags(self) -> list[str]:
        """Its tags, in the order in which they were logged."""
        found: dict[str, None] = {}
        for event in self._view().events(TAG):
            if event.value == "":
                found[event.key] = None
            else:
                found.pop(event.key, None)
        return list(found)

    def log_tags(self, tags: Tagging, reset: bool = False) -> None:
        """Add tags: words, as a list or separated by commas. With `reset`, they take the place of the earlier ones.

        Raises:
            WrongType, InvalidArgument: one of them is no word. Nothing was recorded.
        """
        given = words(tags)
        if reset:
            self.run.set_tags(dict.fromkeys(self.tags))
        self.run.add_tags(given)

    def log_params(self, params: Mapping[str, Any] | None = None, /, *, reset: bool = False, **more: Any) -> None:
        """Record params. With `reset`, they take the place of the earlier ones.

        Args:
            params: a mapping, for names that an argument cannot have, such as `reset`.
            reset: whether earlier params count no longer.
            more: further params.
        """
        run = self.run
        given = {**(params or {}), **more}
        run.log_params(given)
        if reset:
            kept = flatten(given)
            run.unset_params(*[key for key in self._view().params if key not in kept])

    def log_data_ref(self, data: Any, data_name: str = "data", reset: bool = False) -> None:
        """Record which data was used: by the hash of its contents. With `reset`, the earlier ones count no longer.

        Data that has no contents to be hashed is recorded by its name alone, with a warning.
        """
        check_key(data_name, "data_name")
        run = self.run
        try:
            run.log_data_ref(data, data_name)
        except (RunloreError, OSError) as error:
            warnings.warn(f"{data_name!r} is recorded without a hash: {error}", RuntimeWarning, stacklevel=2)
            run.log_event(DATA, data_name, {"name": data_name, "hash": None, "kind": type(data).__name__})
        if reset:
            run.unset_data_refs(*[name for name in self._view().data_refs() if name != data_name])

    def log_run_env(self) -> None:
        """Record the environment now: Python, packages, arguments, script, machine. `track_env` does it by itself."""
        record_now(self.run, "environment")

    def log_code_ref(self) -> None:
        """Record the state of the git repository now. `track_git` does it by itself. Outside of one: nothing."""
        record_now(self.run, "git")

    # -- statuses -----------------------------------------------------------------------------------------------

    def log_status(self, status: str, message: str | None = None) -> None:
        """Say what it is at. The first status that ends it wins; later ones change nothing.

        Raises:
            InvalidArgument: it is not one of Polyaxon's statuses.
        """
        if status not in STATUSES:
            raise InvalidArgument(f"status={status!r} must be one of {', '.join(STATUSES)}")
        if status in ENDS:
            self._end(status, message)
        else:
            self.run.log_status(status, message)
            if self.last_status not in ENDS:
                self.last_status = status

    def log_succeeded(self, message: str | None = None, traceback: str | None = None) -> None:
        """End it as succeeded. The end of the program does that by itself."""
        self._end("succeeded", message, traceback)

    def log_stopped(self, message: str | None = None, traceback: str | None = None) -> None:
        """End it as stopped. Ctrl-C and SIGTERM do that by themselves."""
        self._end("stopped", message, traceback)

    def log_failed(self, message: str | None = None, traceback: str | None = None) -> None:
        """End it as failed. An exception and `sys.exit` with an error do that by themselves."""
        self._end("failed", message, traceback)

    def start(self) -> None:
        """Say that it runs. `create` does it by itself."""
        self.log_status("running")

    def end(self, status: str, message: str | None = None, traceback: str | None = None) -> None:
        """End it with a status that ends it.

        Raises:
            InvalidArgument: it is none of these.
        """
        if status not in ENDS:
            raise InvalidArgument(f"status={status!r} must be one of {', '.join(ENDS)}; log_status() takes others")
        self._end(status, message, traceback)

    succeeded, stop, failed = log_succeeded, log_stopped, log_failed

    client_backend = get_entity_data = Absent("there is no server; experiment.run is the native handle")
    send_logs = Absent("track_logs=True records the console; print() and logging are enough")
    is_notebook_job = get_notebook_job_info = Absent("log_run_env() records whether there is a notebook")
    REQUIRES_OUTPUTS = Absent("get_outputs_path() makes a directory when it is called")

    def set_outputs_store(self, outputs_store: Any = None, outputs_path: Any = None, set_env_vars: Any = False) -> None:
        """Have an object with `upload_file` and `upload_dir` get the artifacts that follow, too.

        Raises:
            InvalidArgument: a path instead of a store: get_outputs_path() has the outputs' directory.
            WrongType: it lacks one of the methods.
        """
        if outputs_path is not None or set_env_vars:
            raise InvalidArgument(
                f"outputs_path={outputs_path!r}, set_env_vars={set_env_vars!r} are not supported; give outputs_store=, "
                "or create(base_outputs_path=...)"
            )
        self.outputs_store = check_outputs_store(outputs_store)

    def _end(self, status: str, message: str | None = None, traceback: str | None = None) -> None:
        if self._run is not None and self.last_status in ENDS:
            return
        run, final = self.run, ENDS[status]
        if status != final:
            run.log_status(status, message)
        if config.joined_run() == run.uid:
            run.log_status(final, message)  # another process ends it, and this one says how
        self.last_status = status
        run.end(final, {k: v for k, v in (("message", message), ("traceback", traceback)) if v is not None})

    # -- files --------------------------------------------------------------------------------------------------

    def log_artifact(self, file_path: str | os.PathLike[str], **options: Any) -> None:
        """Keep a file. An `outputs_store` gets it too, with the options.

        Raises:
            ArtifactNotFound: there is no such file.
            UnsupportedArgument: there are options, and no `outputs_store` that could heed them.
        """
        self._check_options("log_artifact", options)
        self.run.log_artifact(file_path)
        if self.outputs_store is not None:
            self.outputs_store.upload_file(file_path, **options)

    def log_artifacts(self, dir_path: str | os.PathLike[str], **options: Any) -> None:
        """Keep every file under a directory, by its path within. An `outputs_store` gets the directory too.

        Raises:
            ArtifactNotFound: there is no such directory.
            UnsupportedArgument: there are options, and no `outputs_store` that could heed them.
        """
        self._check_options("log_artifacts", options)
        self.run.log_artifacts(dir_path)
        if self.outputs_store is not None:
            self.outputs_store.upload_dir(dir_path, **options)

    def _check_options(self, call: str, options: Mapping[str, Any]) -> None:
        if self.outputs_store is None:
            reason = "it is for an outputs_store, and there is none; give one, or leave it out"
            refuse(call, options, dict.fromkeys(options, reason))

    def log_output(self, filename: str | os.PathLike[str], **options: Any) -> None:
        """The earlier name of `log_artifact`."""
        self.log_artifact(filename, **options)

    def log_outputs(self, dirname: str | os.PathLike[str], **options: Any) -> None:
        """The earlier name of `log_artifacts`."""
        self.log_artifacts(dirname, **options)
