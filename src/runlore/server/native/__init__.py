"""Runlore's own protocol, `/api/v1`: everything that readers and the command line do, over HTTP."""
