"""`simalloc schema`: print the JSON Schema of scenarios."""

from __future__ import annotations

import sys

from simalloc.cli.app import Plugins, app, load_plugins


@app.command()
def schema(plugin: Plugins = None) -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from simalloc.registry import load_installed  # noqa: PLC0415
    from simalloc.scenario.model import schema_text  # noqa: PLC0415

    load_plugins(plugin)
    load_installed()
    sys.stdout.write(schema_text())
