"""A page per allocator: what it models, and the steps of each path, recorded from a run (`simalloc explain`)."""

from __future__ import annotations

from inspect import getdoc

from simalloc.allocators import VERSIONS, Generation
from simalloc.memory import PcpSizes, ZoneFacts, pages_of
from simalloc.runs.explain import Explained, explain
from simalloc.scenario.parts import MemorySpec
from simalloc_docs.markdown import literal, sentence, table, toctree

PRICES = "[seed-2017](../machines/seed-2017.md)"
ZONES = ("64MiB", "1GiB", "4GiB", "64GiB")
DRAINS = {
    "ipi": "an IPI to every CPU",
    "worker": "a work item on every CPU",
    "caller": "the caller itself, under each list's lock",
}
HIT, FREE = "alloc, pcp hit", "free, below high"


def pages() -> dict[str, str]:
    """Return an index and a page per version."""
    found = {name: explain(name) for name in VERSIONS}
    models = {name: literal(version.models) for name, version in VERSIONS.items()}
    rows = [(f"[{name}]({name}.md)", models[name], *map(str, _pair(paths))) for name, paths in found.items()]
    index = (
        "# Allocators\n\nHow each kernel version protects the per-cpu lists (pcp) and the zone, as steps with cycles. "
        "The pages are recorded from a run; `simalloc explain NAME` prints the same.\n\n"
        f"One page allocated and freed by a task on one CPU, both on the pcp list, in cycles ({PRICES}). "
        "*Masked*: of these with interrupts off.\n\n"
        + table(("Allocator", "Models", "Alloc>", "Free>", "Both>", "Masked>"), rows)
        + "\nLater kernels made other things cheaper too, which these prices do not know: compare mechanisms, not eras "
        "([what is known](../../model.md#what-is-simulated)).\n\n" + toctree(VERSIONS, hidden=True)
    )
    texts = {f"allocators/{name}.md": page(version, found[name]) for name, version in VERSIONS.items()}
    return {"allocators/index.md": index, **texts}


def page(version: Generation, paths: list[Explained]) -> str:
    """Return the page of one version."""
    parts = [
        f"# {version.name}\n\n{sentence(version.about)}\n",
        f"Models\n: {literal(version.models)}\n",
        *(f"{what}\n: {text}\n" for what, text in _parts(version)),
        f"## Batch and high\n\n{literal(getdoc(version.sizes) or '')}\n\n{_sizes(version)}",
        f"## Every path\n\nCycles at the prices of {PRICES}, nobody else wanting the lock.\n\n{_overview(paths)}",
        *_contexts(paths),
    ]
    return "\n".join(parts)


def _parts(version: Generation) -> list[tuple[str, str]]:
    """Return what a generation is made of, for a person."""
    drain = f"{version.drain_order}, picked {version.drain_pick}"
    return [
        ("A pcp is used with", version.entry.about),
        ("An allocation whose pcp gave nothing goes to the", version.otherwise),
        ("Allocated pages are counted", f"{version.counters} that section"),
        ("How many pages are kept and move", literal((getdoc(version.tuning) or "").partition("\n")[0])),
        ("A drain takes pages", drain),
        ("A list of pages is freed", "one by one" if version.list_free is None else "up to 32 pages in one section"),
        ("Orders on pcp lists", ", ".join(map(str, version.pcp_orders))),
        ("Bulk API", "yes" if version.has_bulk else "no"),
        ("drain_all_pages goes by", DRAINS[version.drain_by]),
    ]


def _pair(paths: list[Explained]) -> tuple[int, int, int, int]:
    """Return the cycles of an allocation and of a free that hit, of both, and with interrupts masked."""
    by_name = {path.path: path for path in paths if path.context == "task"}
    alloc, free = by_name[HIT], by_name[FREE]
    return alloc.cycles, free.cycles, alloc.cycles + free.cycles, alloc.irqs_off + free.irqs_off


def _sizes(version: Generation) -> str:
    sizes = [(zone, _sizes_on(version, zone)) for zone in ZONES]
    return table(
        ("Zone, 1 CPU>", "Batch, pages>", "High, pages>"), [(zone, each.batch, each.high) for zone, each in sizes]
    )


def _sizes_on(version: Generation, zone: str) -> PcpSizes:
    memory = MemorySpec(zone=zone)
    return version.sizes_of(ZoneFacts(pages_of(zone), 1, memory.watermarks(1, version.min_free_at_most)))


def _overview(paths: list[Explained]) -> str:
    """Return a table path x context: cycles, and of these with interrupts masked."""
    contexts = list(dict.fromkeys(path.context for path in paths))
    cells = {(path.path, path.context): f"{path.cycles} ({path.irqs_off})" for path in paths}
    names = dict.fromkeys(path.path for path in paths)
    rows = [[name, *(cells.get((name, context), "") for context in contexts)] for name in names]
    note = "In brackets: of these with interrupts masked. An empty field: this context never takes the path.\n\n"
    return note + table(("Path", *(f"In {context}>" for context in contexts)), rows)


def _contexts(paths: list[Explained]) -> list[str]:
    """Return a section per context; contexts whose steps are an earlier one's only say so."""
    texts: list[str] = []
    seen: dict[str, str] = {}
    for context in dict.fromkeys(path.context for path in paths):
        steps = "\n".join(_steps(path) for path in paths if path.context == context)
        same = seen.setdefault(steps, context)
        texts.append(f"## In {context}\n\n{steps if same == context else f'The same steps as in {same}.'}\n")
    return texts


def _steps(path: Explained) -> str:
    rows = [
        (f"`{each.step.name}`", each.times, each.cycles, "yes" if each.irqs_off else "", each.step.activity.value)
        for each in path.steps
    ]
    total = ("**sum**", "", f"**{path.cycles}**", f"{path.irqs_off} cycles", "")
    return f"### {path.path[0].upper()}{path.path[1:]} ({path.context})\n\n" + table(
        ("Step", "Times>", "Cycles>", "IRQs masked", "Counted as"), [*rows, total]
    )
