"""What a server with accounts does by itself now and then: rules of retention, and measuring what teams use.

Each worker has a thread that looks whether it is its turn. Whatever goes wrong is in the log and in the audit log, and
is tried again the next time.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from typing import TYPE_CHECKING

from runlore.errors import RunloreError

if TYPE_CHECKING:
    from runlore.reader.session import Session
    from runlore.server.accounts.book import Book
    from runlore.server.accounts.rules import Rule

SERVER = "(server)"
"""Who did it, in the audit log."""
LOOK_S = 60.0
RULES_S = 3_600.0
USAGE_S = 300.0

log = logging.getLogger("runlore.server")


class Keeper:
    """See the module.

    Args:
        book: the accounts.
        session: the store that is served.
    """

    def __init__(self, book: Book, session: Session) -> None:
        self._book = book
        self._session = session
        self._holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runlore-keeper", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking; what is being done is done to its end."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Do what is due, where it is this worker's turn. What goes wrong is in the log."""
        try:
            self._look()
        except (RunloreError, OSError) as error:
            log.warning("housekeeping of the server: %s", error)

    def _look(self) -> None:
        rules = self._book.rules
        if rules.lease("usage", self._holder, USAGE_S):
            self.measure()
        if rules.all() and rules.lease("retention", self._holder, RULES_S):
            self.carry_out()

    def measure(self) -> None:
        """Measure what the teams use that have a quota."""
        from runlore.housekeeping.usage import usage

        limited = [one for one in self._book.quotas.all() if (one.most_bytes, one.most_runs) != (None, None)]
        if limited:
            self._session.refresh()
        for quota in limited:
            found = usage(self._session, list(quota.patterns)) if quota.patterns else None
            runs, size = (0, 0) if found is None else found
            self._book.quotas.measured(quota.team, used_bytes=size, used_runs=runs)

    def carry_out(self) -> None:
        """Apply every rule, one after the other; one that fails keeps none of the others from it."""
        self._session.refresh()
        for rule in self._book.rules.all():
            if self._ending.is_set():
                return
            self._carry_out(rule)

    def _carry_out(self, rule: Rule) -> None:
        try:
            done = self._apply(rule)
        except (RunloreError, OSError) as error:
            log.warning("retention of %r: %s", rule.pattern, error)
            self._book.audit.add(SERVER, "retention.failed", rule.pattern, "", rule=rule.id, why=str(error)[:500])
            return
        if any(done.values()):
            self._book.audit.add(SERVER, f"retention.{rule.action}", rule.pattern, "", rule=rule.id, **done)
            self._session.refresh()

    def _apply(self, rule: Rule) -> dict[str, int]:
        """How much of what was done."""
        from runlore.housekeeping.garbage import collect
        from runlore.housekeeping.rules import drop_old, trash_old
        from runlore.server.accounts.rules import ARTIFACTS, TRASH

        if rule.action == TRASH:
            return {"runs": len(trash_old(self._session, rule.pattern, rule.days))}
        if rule.action == ARTIFACTS:
            dropped = drop_old(self._session, rule.pattern, rule.days)
            return {"artifacts": len(dropped), "bytes": sum(item.size for item in dropped)}
        gone = collect(self._session, older_than_s=rule.days * 86_400)
        return {"runs": len(gone.runs), "contents": len(gone.blobs), "bytes": gone.freed_bytes}
