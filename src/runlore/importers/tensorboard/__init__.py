"""TensorBoard: directories of event files, read without TensorFlow."""

from runlore.importers.tensorboard.logdir import LogDirectory

__all__ = ["LogDirectory"]
