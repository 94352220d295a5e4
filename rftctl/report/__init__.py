"""Reports and curves made readable: for people on a terminal, for programs as JSON."""
