"""How names of the Python API are shown and linked.

A name is documented where users import it and annotated with where it is defined: `simalloc.machine.cpu.Cpu` in a
signature means `simalloc.machine.Cpu` on a page. Parts of a scenario have their keys on the page of scenario files.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from sphinx.util.nodes import make_refnode

from simalloc.scenario import Scenario
from simalloc_docs.schema_types import anchor

if TYPE_CHECKING:
    from docutils.nodes import Element, reference
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


@cache
def _parts() -> frozenset[str]:
    """Return the names of a scenario's parts: once, because pydantic makes the schema anew each time it is asked."""
    return frozenset(Scenario.model_json_schema()["$defs"])


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element) -> reference | None:
    """Return a link to the one documented object of this last name, None if there is none or more than one."""
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    page, builder = node["refdoc"], app.builder
    if last in _parts():
        target, label = env.domains.standard_domain.anonlabels[anchor(last)]
        return make_refnode(builder, page, target, label, content)
    domain = env.domains.python_domain
    found = [name for name, entry in domain.objects.items() if name.rpartition(".")[2] == last and not entry.aliased]
    return domain.resolve_xref(env, page, builder, "obj", found[0], node, content) if len(found) == 1 else None


def shorten(
    _app: Sphinx, _what: str, _name: str, thing: Any, _options: Any, signature: str | None, _returns: str | None
) -> tuple[str, None] | None:
    """Leave out signatures that nobody calls: of parts of a scenario (their keys have a page), and of a Result."""
    is_model = isinstance(thing, type) and issubclass(thing, BaseModel)
    return ("", None) if is_model or "<factory>" in (signature or "") else None
