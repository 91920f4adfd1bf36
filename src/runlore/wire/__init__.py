"""What goes between a server and its clients, as bytes: records, points, events and errors, both ways.

Both sides import this, so that what one writes the other reads. Nothing here opens a connection.
"""
