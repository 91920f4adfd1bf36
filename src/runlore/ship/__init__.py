"""Sending runs to a server: they are recorded in a spool on this machine, and one thread copies it to the server.

A run is written as always: its journal lies in the spool, a directory store of the user's, one for each server. `store`
is what `runlore.start` records into, `spool` knows where things lie, `shipper` is the thread of a training process,
`sender` what it does in one round, and what `runlore sync` does (`syncing`). `journals` and `contents` send those,
`client` speaks the protocol of the server's `receiving`, over `connection`.

Nothing here ever raises into the training program, or has it wait, but for `finish`, whose wait is bounded. A training
process imports `store`, `spool` and `shipper`; all that knows of HTTP is imported by the thread.
"""

from __future__ import annotations
