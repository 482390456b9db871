"""`simalloc lab`: questions to the simulator on a page in a browser."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import Annotated

import typer

from simalloc.cli.app import Plugins, app, load_plugins

LOCAL = ("127.0.0.1", "localhost", "::1")


@app.command()
def lab(
    scenario: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="scenario file or shipped name to begin with")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="port of the page")] = 8017,
    host: Annotated[
        str, typer.Option(help="address to listen on; any other than 127.0.0.1 may let other computers in")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the page in a browser")] = True,
    jobs: Annotated[int, typer.Option(min=0, help="processes that simulate; 0 = one a core")] = 0,
    plugin: Plugins = None,
) -> None:
    """Open a page with questions, sliders and graphs that fill while you watch. It needs simalloc's extra `lab`."""
    from simalloc.scenario import ScenarioError, find, load  # noqa: PLC0415
    from simalloc.scenario.library import shipped  # noqa: PLC0415

    if find_spec("nicegui") is None:
        raise ScenarioError("the lab needs NiceGUI: python -m pip install 'simalloc[lab]'")
    load_plugins(plugin)
    own, start = None, "/"
    if scenario is not None:
        load(scenario)
        file = find(scenario)
        is_shipped = shipped().get(file.stem) == file
        own = None if is_shipped else file.resolve()
        start = f"/lab?s={file.stem}" if is_shipped else f"/lab?f={file.name}"
    _check_free(host, port)
    if host not in LOCAL:
        typer.echo(
            f"warning: whoever reaches {host} can have this computer simulate; --host 127.0.0.1 keeps it to you",
            err=True,
        )
    typer.echo(f"simalloc lab: http://{'127.0.0.1' if host in LOCAL else host}:{port}{start}  (Ctrl-C ends it)")

    from simalloc.lab.server import serve  # noqa: PLC0415

    serve(host, port, show=start if browser else "", own=own, jobs=jobs or None)


def _check_free(host: str, port: int) -> None:
    """Raise ScenarioError if the port cannot be had."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family[0], family[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(family[4])
    except socket.gaierror:
        raise ScenarioError(f"--host {host}: there is no such address") from None
    except OSError as error:
        raise ScenarioError(f"--host {host} --port {port}: cannot be had: {error.strerror}; try another port") from None
