"""Lines of the log go to stderr: requests, and what went wrong."""

from __future__ import annotations

import logging
import sys


def log_requests() -> None:
    """Write them there, for the whole process."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("runlore.access").setLevel(logging.INFO)
    # What no line shows is not found out for each: one is written for every request.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as the documentation of `logging` advises: who called is not looked for
