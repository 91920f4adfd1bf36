"""The contracts of store and index over HTTP: an endpoint for each method, for `runlore.remote`, the client.

`POST /api/v1/index/{method}` and `POST /api/v1/store/{method}` take and give what `runlore.wire` says; contents are put
and got by digest. What changes something has a key, under which it is done once, however often it is sent.
"""
