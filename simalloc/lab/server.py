"""The lab's server: pages, workers, and nothing that anybody else on the network sees unless it is told so."""

from __future__ import annotations

import os
from pathlib import Path

from nicegui import app, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from simalloc.lab.bench import Lab
from simalloc.lab.page import add_pages
from simalloc.lab.session import Cache
from simalloc.runs.standing import Crew

LOCAL = ("127.0.0.1", "localhost")
ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='M2 14V2M2 14h12M4 12C8 11 9 5 14 3' "
    "fill='none' stroke='#0072B2' stroke-width='2'/></svg>"
)


def serve(host: str, port: int, *, show: str, own: Path | None = None, jobs: int | None = None) -> None:
    """Serve the lab until it is interrupted; `show` is the address to open in a browser, empty for none."""
    with Crew(jobs or os.cpu_count() or 1) as crew:
        add_pages(Lab(crew, Cache(), own))
        if host in LOCAL:
            # A page of somebody else's, whose name is made to mean this computer, gets no answer.
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL, "[::1]"])
        ui.run(
            host=host,
            port=port,
            title="simalloc lab",
            favicon=ICON,
            language="en-US",
            show=show or False,
            reload=False,
            tailwind=False,
            show_welcome_message=False,
            reconnect_timeout=10,
        )
