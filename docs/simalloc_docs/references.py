"""Links to names that are documented where users import them, and annotated with where they are defined.

`simalloc.machine.cpu.Cpu` in a signature means `simalloc.machine.Cpu` on a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils.nodes import Element, reference
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element) -> reference | None:
    """Return a link to the one documented object of this last name, None if there is none or more than one."""
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    domain = env.domains.python_domain
    found = [name for name, entry in domain.objects.items() if name.rpartition(".")[2] == last and not entry.aliased]
    if len(found) != 1:
        return None
    builder = app.builder
    return domain.resolve_xref(env, node["refdoc"], builder, "obj", found[0], node, content)
