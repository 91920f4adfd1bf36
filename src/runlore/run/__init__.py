"""Recording a run: `start`, `resume`, `active_run` and the `Run` handle. Standard library only at first."""

from __future__ import annotations

from runlore.run.handle import Run
from runlore.run.starting import active_run, resume, start

__all__ = ["Run", "active_run", "resume", "start"]
