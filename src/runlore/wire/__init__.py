"""What goes between a server and its clients, as bytes: records, points, events and errors, both ways.

Both sides import this, so that what one writes the other reads. Nothing here opens a connection.

    text        values as JSON, exact for every text, integer and float
    records     what an index says
    questions   what it is asked: trees of queries, orders, references, filters
    zones       what `now` and local time are to whoever asks
    points      points of series, as binary arrays
    recording   what a recorder is to append
    problems    errors, which arise again as what they were

Whatever is read was written by somebody else: `Garbled` says what is wrong with it.
"""
