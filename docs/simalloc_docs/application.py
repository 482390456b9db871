"""The typer application with all its commands in it, for typer's own writer of documentation."""

from simalloc.cli.app import app, load_commands

load_commands()

__all__ = ["app"]
