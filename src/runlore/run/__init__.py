"""Recording a run: `start`, `resume`, `active_run` and the `Run` handle. Standard library only until a call needs more."""

from __future__ import annotations

from runlore.run.handle import Run
from runlore.run.start import active_run, resume, start

__all__ = ["Run", "active_run", "resume", "start"]
