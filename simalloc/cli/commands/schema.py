"""`simalloc schema`: print the JSON Schema of scenarios."""

from __future__ import annotations

import sys

from simalloc.cli.app import app


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from simalloc.scenario.model import schema_text  # noqa: PLC0415

    sys.stdout.write(schema_text())
