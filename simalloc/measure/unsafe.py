"""Reports about locks: taken twice, in a ring, or in an interrupt and with interrupts on; with how that ends."""

from __future__ import annotations

from collections.abc import Sequence

from simalloc.machine import Context, LockClass, SpinLock
from simalloc.machine.deadlock import named
from simalloc.measure.broken import Report, Side, state
from simalloc.measure.lock_order import Edge, Node

DEADLOCK = ("", " *** DEADLOCK ***")

COLUMN = 27


def recursion_report(lock: SpinLock, asks: Side) -> Report:
    """Return the report of a CPU that asks for a lock that it holds."""
    scenario = _columns([["CPU0", "----", f"lock({lock.name});", f"lock({lock.name});"]])
    finding = (f"cpu {asks.cpu} asks for {named(lock)}, which it holds already.",)
    return Report("self-deadlock", "WARNING: possible recursive locking detected", finding, (asks,), scenario)


def unsafe_report(ring: Sequence[Edge]) -> Report:
    """Return the report of a lock that is taken in an interrupt, and held elsewhere where one may come."""
    edge, context = ring[0], _context(ring[0])
    holds, asks = edge.sides
    uses = sorted(((holds, False), (asks, True)), key=lambda each: (each[0].cycle, each[0].cpu))
    (_, first), (_, second) = uses
    name = _name(edge.target)
    finding = (f"inconsistent {{{state(context, used=first)}}} -> {{{state(context, used=second)}}} usage of {name}.",)
    scenario = _columns([["CPU0", "----", f"lock({name});", "<Interrupt>", f"  lock({name});"]])
    title = "WARNING: inconsistent lock state"
    return Report(_unsafe(context), title, finding, tuple(each for each, _ in uses), scenario)


def order_report(ring: Sequence[Edge]) -> Report:
    """Return the report of locks that are asked for in a ring, by paths or by interrupts."""
    contexts = [edge.context for edge in ring if edge.context is not None]
    names = [_name(edge.source) for edge in ring]
    order = " -> ".join([*names, names[0]])
    columns = []
    for number, edge in enumerate(ring):
        lines = [f"CPU{number}", "----", f"lock({_name(edge.source)});"]
        interrupt = [] if edge.context is None else ["<Interrupt>"]
        columns.append([*lines, *interrupt, f"{'  ' * len(interrupt)}lock({_name(edge.target)});"])
    sides = tuple(side for edge in ring for side in edge.sides)
    if not contexts:
        title, rule = "WARNING: possible circular locking dependency detected", "lock-order"
        finding = (f"the existing dependency chain is a ring: {order}.",)
    else:
        name, rule = contexts[0].name, _unsafe(contexts[0])
        title = f"WARNING: {name}-safe -> {name}-unsafe lock order detected"
        finding = (f"with an interrupt that may come where a lock is held, this is a ring: {order}.",)
    return Report(rule, title, finding, sides, _columns(columns))


def _unsafe(context: Context) -> str:
    return "bh-unsafe" if context is Context.SOFTIRQ else "irq-unsafe"


def _context(edge: Edge) -> Context:
    assert edge.context is not None, "an edge from a class to itself goes through an interrupt"
    return edge.context


def _name(node: Node) -> str:
    return node.name if isinstance(node, LockClass) else named(node)


def _columns(columns: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return what each CPU does, side by side, a lock a line: first who holds what, then who asks for what."""
    rows = [" Possible unsafe locking scenario:", ""]
    longest = max(map(len, columns))
    # All take their first locks before any asks for its second.
    head = [column[:3] for column in columns]
    for line in range(3):
        rows.append("".join(f"  {column[line]:<{COLUMN}}" for column in head).rstrip())
    for number, column in enumerate(columns):
        rows += [" " * (number * (COLUMN + 2)) + "  " + text for text in column[3:longest]]
    return (*rows, *DEADLOCK)
