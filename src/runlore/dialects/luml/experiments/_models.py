"""The part of `ExperimentTracker` that deals with files: models, snapshots, exports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore.dialects.luml import _records as records
from runlore.dialects.luml.modelref import ModelReference
from runlore.errors import WrongType

if TYPE_CHECKING:
    from runlore.dialects.luml._experiments import Experiments, Handle
    from runlore.reader import RunView

SNAPSHOT_TAG = "dataforce.studio::experiment_snapshot:v1"


class ModelMethods:
    """Methods of the tracker; see there."""

    _experiments: Experiments

    def _handle(self, experiment_id: str | None) -> Handle:
        raise NotImplementedError

    def _view(self, experiment_id: str | None) -> RunView:
        raise NotImplementedError

    def link_to_model(self, model_reference: ModelReference, experiment_id: str | None = None) -> None:
        """Attach a snapshot of an experiment to a model file: params, metrics, attachments, spans, evaluations.

        The snapshot holds all that was logged before the call, is readable without Runlore, and takes its place in the
        file as a whole or not at all. Linking again adds another one.

        Raises:
            InvalidArgument: there is no such experiment.
            ArtifactNotFound, DamagedFile: there is no such model file, or it is none. It was not changed.
        """
        from runlore.dialects.luml._snapshot import snapshot

        _check(model_reference)
        with snapshot(self._view(experiment_id)) as files:
            model_reference.attach(SNAPSHOT_TAG, files)

    def export(self, output_path: str | os.PathLike[str], experiment_id: str | None = None) -> None:
        """Write an experiment as a file of its own: a tar with `manifest.json` and the files of a snapshot."""
        from runlore.dialects.luml._archive import write_archive
        from runlore.dialects.luml._snapshot import export_members, snapshot

        view = self._view(experiment_id)
        about = records.experiment(self._experiments.session(), view)
        with snapshot(view) as files:
            write_archive(os.fspath(output_path), export_members(about, view.description, SNAPSHOT_TAG, files))

    def log_model(
        self, model_reference: ModelReference, *, name: str | None = None, experiment_id: str | None = None
    ) -> ModelReference:
        """Keep a copy of a model file with the experiment; returns the reference. The same name makes a new version."""
        path = _check(model_reference).path
        name = name or os.path.basename(path)
        self._handle(experiment_id).run.log_artifact(path, f"models/{name}", kind=records.MODEL_ARCHIVE)
        return model_reference

    def get_models(self, experiment_id: str | None = None) -> list[dict[str, Any]]:
        """Model files that were kept, oldest first: id, name, path (in the store; leave it alone), size, created_at."""
        return [
            {
                "id": f"{item.digest}", "name": item.name.removeprefix("models/"), "path": item.path,
                "size": item.size, "created_at": records.time_text(item.time_ns),
            }
            for item in sorted(self._view(experiment_id).artifacts(records.MODEL_ARCHIVE), key=lambda i: i.time_ns)
        ]  # fmt: skip


def _check(reference: object) -> ModelReference:
    if not isinstance(reference, ModelReference):
        raise WrongType(
            f"model_reference={reference!r} must be a ModelReference: what save_sklearn() returned, or "
            "ModelReference(path) of a model file"
        )
    return reference
