"""The library behind each subcommand: no printing, no exit, no Typer."""
