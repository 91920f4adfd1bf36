"""MLflow: its SQLite database, its directory `mlruns`, or a tracking server."""

from runlore.importers.mlflow.opening import open_source

__all__ = ["open_source"]
