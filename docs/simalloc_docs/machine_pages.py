"""A page per machine preset: every price, of which kind it is, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from simalloc.hardware import CostModel, Parameter, preset, presets
from simalloc_docs.markdown import literal, sentence, table, toctree

BASE = "seed-2017"

KINDS = {
    "sourced": "a published primitive, taken as it is",
    "derived": "arithmetic on published figures; the source says which",
    "estimated": "no measurement separates it, or none was made; the source says what bounds it",
    "fitted": "found by `simalloc calibrate` on the measurements named",
}


def pages() -> dict[str, str]:
    """Return an index and a page per preset."""
    models = {name: preset(name) for name in presets()}
    rows = [
        (f"[{name}]({name}.md)", _cpus(model), f"{model.clock_ghz:g}", literal(model.about))
        for name, model in models.items()
    ]
    index = (
        "# Machines\n\nA preset is a cost model: what each primitive takes, in cycles, and how CPUs are placed. "
        "`machine.preset` chooses one, `machine.costs` and `machine.topology` change it for one scenario.\n\n"
        + table(("Preset", "CPUs", "GHz>", "What it is"), rows)
        + "\nEvery price says of which kind it is:\n\n"
        + table(("Kind", "Means"), KINDS.items())
        + "\n"
        + toctree(models, hidden=True)
    )
    return {"machines/index.md": index} | {f"machines/{name}.md": page(model) for name, model in models.items()}


def page(model: CostModel) -> str:
    """Return the page of one preset: its own prices, then those it has from the base."""
    base = preset(BASE)
    own = [price for price in model if model.name == BASE or price != base.parameters.get(price.name)]
    inherited = [price for price in model if price not in own]
    parts = [
        f"# {model.name}\n",
        f"{literal(model.about)}. {_shape(model)}Clock {model.clock_ghz:g} GHz; a price is in {model.unit}, "
        "or in what its description says.\n",
    ]
    if inherited:
        parts.append(f"## Its own prices\n\n{_by_kind(own)}")
        parts.append(f"## As in {BASE}\n\nSources: [{BASE}]({BASE}.md).\n\n{_short(inherited)}")
    else:
        parts.append(f"## Prices\n\n{_by_kind(own)}")
    return "\n".join(parts)


def _by_kind(parameters: Iterable[Parameter]) -> str:
    """Return a table for each kind there is, with sources."""
    found: dict[str, list[Parameter]] = {kind: [] for kind in KINDS}
    for price in parameters:
        found[price.kind].append(price)
    return "\n".join(f"### {kind.capitalize()}\n\n{_sourced(prices)}" for kind, prices in found.items() if prices)


def _sourced(parameters: Iterable[Parameter]) -> str:
    rows = [
        (f"`{price.name}`", f"{price.cycles:g}", f"{sentence(price.about)} *From:* {literal(price.source)}")
        for price in parameters
    ]
    return table(("Price", "Value>", "What it pays for, and where the number is from"), rows)


def _short(parameters: Iterable[Parameter]) -> str:
    rows = [(f"`{price.name}`", f"{price.cycles:g}", price.kind, literal(price.about)) for price in parameters]
    return table(("Price", "Value>", "Kind", "What it pays for"), rows)


def _cpus(model: CostModel) -> str:
    return str(model.shape.cpus) if model.shape else "any"


def _shape(model: CostModel) -> str:
    shape = model.shape
    if shape is None:
        return "Any number of CPUs, all equally far from each other. "
    return (
        f"{shape.cpus} CPUs: {shape.sockets} socket(s) x {shape.nodes_per_socket} NUMA node(s) x "
        f"{shape.llcs_per_node} last-level cache(s) x {shape.cores_per_llc} core(s) x "
        f"{shape.threads_per_core} thread(s). "
    )
