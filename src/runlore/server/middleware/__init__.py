"""What every request passes: its id and the log, the name under which the server was called, and errors as answers."""
