"""What experiments, jobs and groups have in common: a Runlore run that Polyaxon's calls are recorded in."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from runlore import config
from runlore.dialects._native import handle_of
from runlore.dialects.polyaxon import _context as context
from runlore.dialects.polyaxon._client import store_of
from runlore.dialects.polyaxon._names import (
    BACKEND,
    BUILD,
    FRAMEWORK,
    KIND,
    as_bytes,
    as_text,
    check_slug,
    split_project,
    words,
)
from runlore.dialects.polyaxon._records import Records
from runlore.errors import AlreadyExists, InvalidArgument, NoActiveRun, NotFound, WrongType
from runlore.names import encode, encode_path, is_uid
from runlore.run import resume, start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.dialects.polyaxon._names import Tagging
    from runlore.reader import RunView
    from runlore.run import Run


class Tracker(Records):
    """A run of a project, under Polyaxon's names. See `Experiment`."""

    _section: ClassVar[str] = ""
    """What follows the project in the name of the Runlore experiment."""
    _info: ClassVar[tuple[Any, str]] = (context.get_experiment_info, "experiment")
    _captures: ClassVar[bool] = True

    def __new__(cls, *_args: Any, **_options: Any) -> Any:
        """One that does nothing under `POLYAXON_NO_OP`."""
        return super().__new__(type(cls.__name__, (context.Silent, cls), {}) if context.is_no_op() else cls)

    def __init__(
        self, project: str | None, run_id: int | str | None, client: Any, captures: Mapping[str, Any],
        outputs_store: Any, group_id: int | str | None = None,
    ) -> None:  # fmt: skip
        if outputs_store is not None and not (
            hasattr(outputs_store, "upload_file") and hasattr(outputs_store, "upload_dir")
        ):
            raise WrongType(f"outputs_store={outputs_store!r} must have the methods upload_file and upload_dir")
        self.client = client
        self.outputs_store = outputs_store
        self.group_id = group_id
        self.last_status: str | None = None
        self._store = store_of(client)
        self._flags = captures
        self._run: Run | None = None
        self._uid: str | None = None
        self._id: int | str | None = None
        self._base_outputs: str | None = None
        self._is_given = False
        self._opening = threading.Lock()
        info = self._cluster_info() if project is None and run_id is None else None
        self.username, self.project_name = split_project((info or {}).get("project_name") if info else project)
        if run_id is not None:
            self._attach(run_id, project)
        elif info:
            self._enter_cluster(info)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.project}#{self.id}>"

    # -- which run it is ----------------------------------------------------------------------------------------

    @property
    def project(self) -> str:
        """`owner.name`, or the name of a project without an owner."""
        return ".".join(filter(None, (self.username, self.project_name)))

    @property
    def id(self) -> int | str | None:
        """The number of the run within the project; None before `create`."""
        return self._id

    @property
    def uid(self) -> str | None:
        """The uid of the Runlore run; None before `create`."""
        return self._uid

    @property
    def run(self) -> Run:
        """The Runlore run that is recorded: everything that it can do can be done with it.

        An experiment that was named by its id is resumed here. What comes after the end is added to the run, which
        stays as it ended.

        Raises:
            NoActiveRun: nothing was created.
        """
        if self._run is not None and not self._run.ended:
            return self._run
        if self._uid is None:
            raise NoActiveRun(f"this {self._info[1]} was not created; call create() first. Nothing was recorded")
        with self._opening:
            if self._run is None:
                self._run = self._again(self._uid)
            elif self._run.ended:
                self._run = start(self._path, join=self._uid, store=self._run.store, capture=False)
        return self._run

    def create(
        self, name: str | None = None, framework: str | None = None, backend: str | None = None, tags: Tagging = None,
        description: str | None = None, content: Any = None, build_id: int | str | None = None,
        base_outputs_path: str | os.PathLike[str] | None = None,
    ) -> Any:  # fmt: skip
        """Start the run. Started by the platform, a program has one already, which gets what is given here.

        Args:
            name: letters, digits, `-` and `_`.
            framework: such as `tensorflow`.
            backend: what it runs on; `other` by default.
            tags: words, as a list or separated by commas.
            description: text.
            content: the polyaxonfile, as text or as what can be JSON; kept as an artifact.
            build_id: the build that it belongs to.
            base_outputs_path: directory under which `get_outputs_path` is made.

        Returns:
            This object.

        Raises:
            InvalidName, WrongType, InvalidArgument: an argument cannot be stored. Nothing was.
        """
        fields = {BACKEND: backend or "other", FRAMEWORK: framework, BUILD: build_id, KIND: self._section[1:] or None}
        facts = dict.fromkeys(words(tags), "") | {
            key: as_text(value, key) for key, value in fields.items() if value is not None
        }
        base = None if base_outputs_path is None else os.path.abspath(os.fspath(base_outputs_path))
        if name is not None:
            check_slug(name)
        polyaxonfile = as_bytes(content)
        if self._is_given:
            self._describe(name, description, facts)
        else:
            group, parent = self._group()
            self._run = start(
                self._path, name, tags=facts, description=description, group=group, parent=parent, store=self._store,
                capture=self._flags if self._captures else False,
            )  # fmt: skip
            if config.joined_run() == self._run.uid:
                self._describe(name, description, {})  # the process that started the run could not say it
            self._begin(self._run.number)
        self._base_outputs = base
        if polyaxonfile is not None:
            self.run.log_artifact(polyaxonfile, "polyaxonfile.yml", kind="config", media_type="application/yaml")
        return self

    def _begin(self, number: int | str) -> None:
        self._uid, self._id, self.last_status = self.run.uid, number, None
        for status in ("created", "running"):
            self.log_status(status)

    def _describe(self, name: str | None, description: str | None, facts: Mapping[str, str]) -> None:
        if name is not None:
            self.run.set_name(name)
        if description is not None:
            self.run.set_description(description)
        self.run.set_tags(facts)

    @property
    def _path(self) -> str:
        return "/".join(filter(None, (self.username, self.project_name))) + self._section

    def _group(self) -> tuple[str | None, str | None]:
        """The group's word, and the uid of its run where this store has it."""
        if self.group_id is None:
            return None, None
        if not isinstance(self.group_id, (int, str)) or isinstance(self.group_id, bool):
            raise WrongType(f"group_id={self.group_id!r} must be the id of a group")
        path = self._path + "/groups"
        if isinstance(self.group_id, str) and not self.group_id.isdecimal() and not is_uid(self.group_id):
            return check_slug(self.group_id, "group_id"), None  # its name, as the platform may give it
        try:
            return str(self.group_id), find_run(self.group_id, path, self._store, "group_id").uid
        except NotFound:
            return str(self.group_id), None  # it was made elsewhere: a word that its members share

    def _attach(self, run_id: int | str, project: str | None) -> None:
        found = find_run(run_id, self._path, self._store, f"{self._info[1]}_id")
        path = found.experiment.removesuffix(self._section)
        if project is not None and path + self._section != self._path:
            raise InvalidArgument(f"{self._info[1]}_id={run_id!r} belongs to {path!r}, not to {self.project!r}")
        self.username, _, self.project_name = path.rpartition("/")
        self._uid, self._id, self.group_id = found.uid, found.number, found.group

    def _cluster_info(self) -> dict[str, Any] | None:
        info = self._info[0]() if context.is_managed() else None
        return info if isinstance(info, dict) else None

    def _enter_cluster(self, info: Mapping[str, Any]) -> None:
        """Record into the run that the platform made: of several processes of it, the first one starts it."""
        import hashlib

        kind = self._info[1]
        name = str(info.get(f"{kind}_name") or "")
        group = info.get(f"{kind}_group_name")
        self.group_id = str(group).rpartition(".")[2] if group else None
        given = str(info.get(f"{kind}_uuid") or "").replace("-", "").lower()
        uid = given if is_uid(given) else hashlib.sha256(f"{self._path}#{name}".encode()).hexdigest()[:32]
        word, parent = self._group()
        params = context.get_params()
        try:
            self._run = start(
                self._path, name or None, params=params if isinstance(params, dict) else None, group=word,
                parent=parent, store=self._store, capture=self._flags, uid=uid, tags={BACKEND: "other"},
            )  # fmt: skip
        except AlreadyExists:
            self._run = self._come_later(uid)
            self._uid = uid
        self._is_given = True
        last = name.rpartition(".")[2]
        self._id = int(last) if last.isdecimal() else self._run.number
        if self._uid is None:
            self._begin(self._id)

    def _come_later(self, uid: str) -> Run:
        """A worker joins the run of its master; any other process is one that was started anew, and resumes it."""
        task = context.get_task_info()
        if isinstance(task, dict) and task.get("type", "master") not in ("master", "chief"):
            return start(self._path, join=uid, store=self._store, capture=self._flags)
        return self._again(uid)

    def _again(self, uid: str) -> Run:
        """The handle that this process has of the run already, or one that resumes it."""
        return handle_of(uid) or resume(uid, store=self._store, capture=self._flags)

    def get_outputs_path(self) -> str:
        """A directory for the program's own files, which exists when this returns.

        Started by the platform: what that says. Else `<base>/<owner>/<project>[/groups/<group>]/<id>` under the base
        that `create` was given, or that `POLYAXON_BASE_OUTPUTS_PATH` names; else a directory within the run's own.
        """
        told = os.environ.get("POLYAXON_RUN_OUTPUTS_PATH") if context.is_managed() else None
        if told:
            return told
        run = self.run
        base = self._base_outputs or os.environ.get("POLYAXON_BASE_OUTPUTS_PATH")
        if not base:
            return run.outputs_directory()
        group = "" if self.group_id is None else f"/groups/{encode(str(self.group_id))}"
        owner = encode_path(self.username or _user())
        path = os.path.join(base, f"{owner}/{encode(self.project_name)}{group}{self._section}", str(self._id))
        os.makedirs(path, exist_ok=True)
        return path

    get_log_level = staticmethod(context.get_log_level)
    get_params = staticmethod(context.get_params)
    get_declarations = staticmethod(context.get_params)
    get_data_paths = staticmethod(context.get_data_paths)
    get_outputs_refs_paths = staticmethod(context.get_outputs_refs_paths)


def find_run(run_id: int | str, path: str, store: Any, argument: str) -> RunView:
    """The run with this number within an experiment, or with this uid.

    Raises:
        NotFound: there is none.
        InvalidArgument, WrongType: it can be neither.
    """
    from runlore.reader import experiment, get_run

    if isinstance(run_id, bool) or not isinstance(run_id, (int, str)):
        raise WrongType(f"{argument}={run_id!r} must be an id: the number of a run, or its uid")
    if isinstance(run_id, str) and is_uid(run_id):
        return get_run(run_id, store=store)
    if not str(run_id).isdecimal() or int(run_id) < 1:
        raise InvalidArgument(f"{argument}={run_id!r} must be a number from 1 up, or a uid of 32 hexadecimal digits")
    return experiment(path, store=store).run(int(run_id))


def _user() -> str:
    from runlore.capture.environment import user_name

    return user_name()
