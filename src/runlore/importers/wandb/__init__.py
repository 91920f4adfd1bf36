"""Weights & Biases: runs that were recorded offline, `wandb/offline-run-…/run-….wandb`."""

from runlore.importers.wandb.folder import RunFolders

__all__ = ["RunFolders"]
