"""A store that a server keeps, over HTTP: the contracts of store, index and recorder for whoever is elsewhere.

    address      where a server is, and which token it is shown
    connection   requests: connections that are kept, time limits, trying again
    store, index, run, recorder, contents: one contract each

Nothing connects before something is asked. Importing this package loads none of it: a process that records for a server
needs no more than `address`, `sockets` and `tokens`.
"""

from __future__ import annotations
