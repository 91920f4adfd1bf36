"""The server: a store and its index over HTTP, for a laptop (`runlore ui`) and for a team (`runlore server`).

`app` puts the rooms together and is the only module that knows them all: `native` speaks Runlore's own protocol,
`page` serves the page. `serving` listens. Each room is a list of endpoints (`endpoint`); none imports another.

Nothing here decides what a run is: every answer comes from the contracts of store and index.
"""
