"""What there is: kinds of locks and the shipped scenarios."""

from __future__ import annotations

from inspect import getdoc

from simalloc.machine import LOCK_KINDS, LockKind
from simalloc.scenario import load, mistakes, shipped
from simalloc_docs.markdown import literal, table, toctree


def pages() -> dict[str, str]:
    """Return the pages."""
    return {"locks.md": locks(), **scenarios()}


def locks() -> str:
    """Return the page of lock kinds, each with what its hand-over costs."""
    kinds = "\n".join(
        f"## {name}\n\n{literal(kind.about)}.\n\n{literal(getdoc(type(kind)) or '')}\n\n"
        f"Hand-over\n: {_handover(kind)}\n"
        for name, kind in LOCK_KINDS.items()
    )
    return (
        "# Kinds of locks\n\n`machine.lock` says of which kind spinlocks are. A kind says who is next, and how long "
        "the [hand-over](../glossary.md) takes from a release to the next owner's first instruction; *c* is the "
        "transfer of a cache line between the two CPUs, *w* how many waited. "
        "[Why ticket locks collapse](../model.md#locks-why-ticket-locks-collapse) compares them.\n\n" + kinds
    )


def _handover(kind: LockKind) -> str:
    if type(kind).handover is LockKind.handover:
        return "0"
    return literal((getdoc(kind.handover) or "").removeprefix("Return "))


def scenarios() -> dict[str, str]:
    """Return an index and a page per shipped scenario: what it shows, its cases, its text."""
    files = shipped() | mistakes()
    found = {name: load(str(file)) for name, file in files.items()}
    rows = [(f"[{name}]({name}.md)", literal(each.about), len(each.cases)) for name, each in found.items()]
    index = (
        "# Shipped scenarios\n\n`simalloc run NAME` runs one from anywhere. Each is a model for yours. Mistakes end "
        "with a report and exit code 1\n([lockdep](../../guides/lockdep.md)).\n\n"
        + table(("Scenario", "What it shows", "Cases>"), rows)
        + "\n"
        + toctree(found, hidden=True)
    )
    pages = {
        f"scenarios/{name}.md": f"# {name}\n\n{literal(each.about)}.\n\n`simalloc run {name}`"
        f"\n\n```yaml\n{files[name].read_text(encoding='utf-8')}```\n"
        for name, each in found.items()
    }
    return {"scenarios/index.md": index, **pages}
