"""In which order locks are taken, and whether that can end in a ring.

An edge says that somebody held a lock of one class and asked for one of another; or that an interrupt, which may come
while the first is held, asks for the second. A ring of edges is a deadlock that may come if its paths run at once. They
cannot if two of them hold a common lock meanwhile. Linux's lockdep looks for the same rings, but not for such guards.
After K. Havelund, "Using runtime analysis to guide model checking of Java programs" (SPIN 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.machine import Context, LockClass, SpinLock
from simalloc.measure.broken import Side

Node = LockClass | SpinLock

MOST_VARIANTS = 32
"""Edges kept between two classes: ways in which the second is asked for under the first, with other locks held."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Somebody holds `source` and asks for `target`; through an interrupt in `context`, if that is not None.

    `guards` are all locks held meanwhile. `sides` is who asks; of an edge through an interrupt, first who holds.
    """

    source: Node
    target: Node
    guards: frozenset[SpinLock]
    sides: tuple[Side, ...]
    context: Context | None = None


class LockOrder:
    """The edges seen so far."""

    def __init__(self) -> None:
        self._edges: dict[Node, dict[Node, list[Edge]]] = {}

    def add(self, edge: Edge) -> list[Edge]:
        """Add an edge; return the shortest ring that it closes, itself first, or nothing."""
        variants = self._edges.setdefault(edge.source, {}).setdefault(edge.target, [])
        if len(variants) >= MOST_VARIANTS or any(
            each.guards <= edge.guards and each.context is edge.context for each in variants
        ):
            return []
        variants.append(edge)
        if edge.source is edge.target:
            return [edge]
        for length in range(1, len(self._edges)):
            rest = self._path(edge.target, edge.source, length, edge.guards, {edge.target})
            if rest:
                return [edge, *rest]
        return []

    def _path(
        self, source: Node, target: Node, length: int, guards: frozenset[SpinLock], visited: set[Node]
    ) -> list[Edge]:
        """Return a path of so many edges, none of which shares a guard with another, or with `guards`."""
        for between, variants in self._edges.get(source, {}).items():
            if (between is target) is not (length == 1) or between in visited:
                continue
            for edge in variants:
                if edge.guards & guards:
                    continue
                if length == 1:
                    return [edge]
                rest = self._path(between, target, length - 1, guards | edge.guards, visited | {between})
                if rest:
                    return [edge, *rest]
        return []
