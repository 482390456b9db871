"""The reference of scenario files, from their JSON Schema: every key, what it takes, its default, its meaning."""

from __future__ import annotations

from collections.abc import Iterator

from simalloc.scenario import Scenario
from simalloc.workloads import WORKLOADS
from simalloc_docs.markdown import literal, sentence
from simalloc_docs.schema_types import Schema, anchor, default_text, noun, refs, type_text

LISTED = {
    "machine.preset": "one of the [machines](machines/index.md)",
    "machine.lock": "one of the [kinds of locks](locks.md)",
    "machine.costs": "mapping from a [price](machines/seed-2017.md) to a number, 0 or more",
    "allocator.name": "one of the [allocators](allocators/index.md)",
    "workload": "[workload](#scenario-workload)",
}
"""Keys of which another page knows more than the schema."""

INTRO = """# Scenario files

A scenario is one YAML file (YAML 1.2): a machine, memory, an allocator, a workload. `name`, `workload` and an
allocator must be there; an unknown key or a wrong value is an error with line and column. `simalloc schema` prints
the JSON Schema that this page is made from; with `# yaml-language-server: $schema=scenario.schema.json` as first
line, editors complete and check as you type. `--set KEY=VALUE` changes a key for one run.
[How do I write a scenario?](../guides/scenario.md) begins at the beginning.
"""


def pages() -> dict[str, str]:
    """Return the page."""
    schema = Scenario.model_json_schema()
    texts = [
        _keys("", schema, schema["$defs"]),
        *_parts(schema, schema["$defs"], "", set()),
        *_workloads(schema["$defs"]),
    ]
    return {"scenario.md": f"{INTRO}\n## Top level\n\n" + "\n".join(texts)}


def _parts(schema: Schema, defs: Schema, path: str, done: set[str]) -> Iterator[str]:
    """Give a section for each part of a scenario, named by its key, in the order of the keys."""
    for key, value in schema["properties"].items():
        for name, many in refs(value):
            if name not in done:
                done.add(name)
                place = f"{path}{key}{many}"
                yield _section(f"`{place}`", name, place, defs)
                yield from _parts(defs[name], defs, f"{place}.", done)


def _workloads(defs: Schema) -> Iterator[str]:
    """Give a section per kind of workload, then those of what they are made of."""
    yield "(scenario-workload)=\n\n## `workload`\n\n`kind` says which; each kind has keys of its own.\n"
    for kind, workload in WORKLOADS.items():
        keys = _keys("workload", defs[workload.spec.__name__], defs)
        yield f"(workload-{kind})=\n\n### `kind: {kind}`\n\n{sentence(workload.about)}\n\n{keys}"
    specs = [defs[workload.spec.__name__] for workload in WORKLOADS.values()]
    used = dict.fromkeys(name for spec in specs for value in spec["properties"].values() for name, _ in refs(value))
    for name in used:
        yield _section(f"A {noun(name)}", name, noun(name), defs)


def _section(title: str, definition: str, path: str, defs: Schema) -> str:
    schema = defs[definition]
    about = literal(schema.get("description", ""))
    return f"({anchor(definition)})=\n\n## {title}\n\n{about}\n\n{_keys(path, schema, defs)}"


def _keys(path: str, schema: Schema, defs: Schema) -> str:
    """Return a definition list: key, what it takes, default; below it, what it means."""
    required = schema.get("required", ())
    items = []
    for key, value in schema["properties"].items():
        takes = LISTED.get(f"{path}.{key}" if path else key) or type_text(value)
        default = default_text(value, required=key in required)
        about = literal(value.get("description") or next(defs[name].get("description", "") for name, _ in refs(value)))
        items.append(f"`{key}` -- {takes}; {default}\n: {about}\n")
    return "\n".join(items)
