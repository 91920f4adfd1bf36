"""The card of a v2 experiment: a view of a native run and of its native card."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore._version import __version__
from runlore.dialects._several import do_each
from runlore.dialects.opsml._errors import OpsmlError, runtime_errors
from runlore.dialects.opsml._metrics import (
    ExperimentEvalMetrics,
    Metrics,
    Parameters,
    read_eval_metrics,
    read_metrics,
    read_parameters,
)
from runlore.dialects.opsml.types import ExperimentStatus, RegistryType
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader import RunView
    from runlore.reader.artifact import Artifact
    from runlore.registry import Card as NativeCard

KIND = "experiment"
_ROOT = "artifacts"
_STATUSES = {model.RUNNING: ExperimentStatus.Active, model.SUCCEEDED: ExperimentStatus.Ok}
_ENDED_BADLY = frozenset({model.FAILED, model.STOPPED, model.CRASHED})
_LINKED = ("data", "model", "prompt", "service")


class ExperimentCard:
    """One version of an experiment. Status, uids, metrics and artifacts are read when they are asked for.

    Attributes:
        space, name, version, uid: its own.
        tags: words.
        compute_environment: cpu_count, total_memory and total_swap (bytes), system, os_version, hostname,
            python_version.
        app_env: `APP_ENV`, or `dev_env`.
        created_at: when it was started, UTC.
        subexperiment: whether it was started under another one.
        opsml_version: which Runlore recorded it.
    """

    registry_type = RegistryType.Experiment
    is_card = True

    def __init__(self, card: NativeCard) -> None:
        self.native = card
        self.space, self.name, self.version, self.uid = card.space, card.name, card.version, card.uid
        self.tags = list(card.tags)
        about = card.metadata
        self.compute_environment = SimpleNamespace(**about.get("compute_environment", {}))
        self.app_env = str(about.get("app_env", "dev_env"))
        self.created_at = datetime.fromtimestamp(card.created_ns / 1e9, timezone.utc)
        self.subexperiment = bool(about.get("subexperiment"))
        self.opsml_version = str(about.get("opsml_version", __version__))

    def __repr__(self) -> str:
        return f"ExperimentCard({self.space}/{self.name}, version={self.version}, uid={self.uid})"

    @property
    def run(self) -> RunView:
        """The native run, as it is now."""
        from runlore.reader import get_run

        return get_run(self.uid, store=self.native.store)

    @property
    def status(self) -> ExperimentStatus:
        """Active while it runs; Ok, or Error: also of a process that died."""
        status = self.run.status
        return ExperimentStatus.Error if status in _ENDED_BADLY else _STATUSES.get(status, ExperimentStatus.Active)

    @property
    def uids(self) -> SimpleNamespace:
        """Uids of the cards that it registered, and of the experiments that were started under it."""
        run = self.run
        linked: dict[str, list[str]] = {kind: [] for kind in _LINKED}
        for event in run.events(model.CARD):
            if event.value.get("kind") in linked:
                linked[event.value["kind"]].append(event.value["uid"])
        return SimpleNamespace(
            datacard_uids=linked["data"],
            modelcard_uids=linked["model"],
            promptcard_uids=linked["prompt"],
            service_card_uids=linked["service"],
            experimentcard_uids=[child.uid for child in run.children()],
        )

    @property
    def eval_metrics(self) -> ExperimentEvalMetrics:
        """What `log_eval_metrics` logged."""
        return read_eval_metrics(self.uid, self.native.store)

    def get_metrics(self, names: Sequence[str] | None = None) -> Metrics:
        """Its metrics, by name, step (none last) and time."""
        return read_metrics(self.uid, names, self.native.store)

    def get_parameters(self, names: Sequence[str] | None = None) -> Parameters:
        """Its parameters, as they were logged."""
        return read_parameters(self.uid, names, self.native.store)

    # -- artifacts ----------------------------------------------------------------------------------------------

    def list_artifacts(self, path: str | os.PathLike[str] | None = None) -> list[str]:
        """Names of its artifacts, such as `/artifacts/figures/f.png`; of one folder, or of all."""
        return [f"/{_ROOT}/{name}" for name in self._files(path)]

    @runtime_errors
    def download_artifacts(
        self, path: str | os.PathLike[str] | None = None, lpath: str | os.PathLike[str] | None = None
    ) -> None:
        """Copy artifacts, of one folder or all, into a directory (`./artifacts`), which they overwrite.

        A `RuntimeWarning` names those whose contents are gone; the others are copied.

        Raises:
            OpsmlError: the contents of all of them are gone.
        """
        target = os.fspath(lpath) if lpath is not None else _ROOT
        os.makedirs(target, exist_ok=True)
        do_each(lambda item: item.download(target, overwrite=True), self._files(path).values(), "copied", depth=3)

    @runtime_errors
    def download_artifact(self, path: str | os.PathLike[str], lpath: str | os.PathLike[str] | None = None) -> None:
        """Copy one artifact to a path (its own name under `./artifacts`).

        Raises:
            OpsmlError: there is no such artifact.
        """
        files = self._files(None)
        name = _relative(path)
        exact = [known for known in files if known == name]
        matches = exact or [known for known in files if known.endswith(f"/{name}")]
        if len(matches) != 1:
            what = "several artifacts are" if matches else "no artifact is"
            raise OpsmlError(f"path={os.fspath(path)!r}: {what} named so; there are {', '.join(files) or 'none'}")
        target = os.path.abspath(os.fspath(lpath) if lpath is not None else os.path.join(_ROOT, *matches[0].split("/")))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        import shutil

        shutil.copyfile(files[matches[0]].path, target)

    def _files(self, path: str | os.PathLike[str] | None) -> dict[str, Artifact]:
        """The latest version of each artifact at or below a path."""
        wanted = "" if path is None else _relative(path)
        found: dict[str, Artifact] = {}
        for artifact in sorted(self.run.artifacts(), key=lambda item: (item.name, item.time_ns)):
            if not wanted or artifact.name == wanted or artifact.name.startswith(f"{wanted}/"):
                found[artifact.name] = artifact
        return found

    # -- as JSON ------------------------------------------------------------------------------------------------

    def model_dump(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {
            "space": self.space, "name": self.name, "version": self.version, "uid": self.uid, "tags": self.tags,
            "uids": vars(self.uids), "compute_environment": vars(self.compute_environment),
            "registry_type": self.registry_type.value, "app_env": self.app_env,
            "created_at": self.created_at.isoformat(), "subexperiment": self.subexperiment,
            "opsml_version": self.opsml_version, "is_card": True,
            "eval_metrics": dict(self.eval_metrics.metrics), "status": self.status.name,
        }  # fmt: skip

    def model_dump_json(self) -> str:
        """All fields as JSON."""
        return json.dumps(self.model_dump())

    @staticmethod
    def model_validate_json(json_string: str) -> ExperimentCard:
        """The card that `model_dump_json` described, read from the store.

        Raises:
            OpsmlError: it is no such JSON, or the store has no such card.
        """
        try:
            uid = json.loads(json_string)["uid"]
        except (ValueError, KeyError, TypeError) as error:
            raise OpsmlError(f"json_string={json_string[:80]!r} does not describe a card: {error!r}") from error
        return load_experiment_card(uid)


def _relative(path: str | os.PathLike[str]) -> str:
    """A path below `artifacts`, as an artifact's name."""
    text = os.fspath(path).strip("/")
    if text == _ROOT:
        return ""
    text = text.removeprefix(f"{_ROOT}/")
    return check_path_name(text, "path") if text else ""


def load_experiment_card(uid: Any, store: Any = None) -> ExperimentCard:
    """The card of an experiment.

    Raises:
        OpsmlError: there is none with this uid.
    """
    from runlore.errors import NotFound
    from runlore.registry import get_uid

    try:
        card = get_uid(uid, store=store)
    except (NotFound, TypeError) as error:
        raise OpsmlError(f"Failed to load experiment card: {error}") from error
    if card.kind != KIND or len(str(uid).replace("-", "")) != len(card.uid):
        raise OpsmlError(f"Failed to load experiment card: experiment_uid={uid!r} is no experiment's")
    return ExperimentCard(card)
