"""Runlore: an experiment tracker that never harms a training run and never loses a point."""

from runlore._version import __version__

__all__ = ["__version__"]
