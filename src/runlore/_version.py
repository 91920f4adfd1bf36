"""The version, read by the build and by `runlore version`."""

__version__ = "0.1.0"
