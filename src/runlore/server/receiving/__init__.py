"""Receiving: runs that others record arrive here, as the bytes of their journals and as contents by their SHA-256.

`runs` announces a run and gives it its number, `journals` appends, `contents` takes what artifacts consist of. All of
it can be repeated: a request whose answer was lost is sent again and changes nothing.
"""
