"""JSON Schema in words: what a key takes, and its default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}


def type_text(schema: Schema) -> str:
    """Return what values are allowed, such as `whole number, 1 to 1024` or `list of (fresh or warmed)`."""
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        # null is how a key is left out, and that is what its default says.
        return " or ".join(dict.fromkeys(type_text(each) for each in branches if each.get("type") != "null"))
    if "$ref" in schema:
        return f"[{noun(ref_name(schema))}](#{anchor(ref_name(schema))})"
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_within(schema.get('items'))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"mapping to {_within(schema['additionalProperties'])}"
    return TYPES.get(schema.get("type", ""), "any value") + _limits(schema)


def default_text(schema: Schema, *, required: bool) -> str:
    """Return `required`, or the default as one would write it."""
    if required:
        return "required"
    default = schema.get("default")
    if default in (None, "", {}, []):
        return "optional"
    if isinstance(default, Mapping):
        given = {key: value for key, value in default.items() if value not in (None, {}, [])}
        short = len(given) <= 1 and not any(isinstance(value, Mapping) for value in given.values())
        return f"default `{_yaml(given)}`" if given and short else "optional"
    return f"default `{_yaml(default)}`"


def refs(schema: Schema) -> Iterator[tuple[str, str]]:
    """Give each definition that a key's value may be: its name, and `[]` if the key is a list of them."""
    if "$ref" in schema:
        yield ref_name(schema), ""
    for branch in schema.get("anyOf", ()):
        yield from refs(branch)
    if "items" in schema:
        yield from ((name, "[]") for name, _ in refs(schema["items"]))


def ref_name(schema: Schema) -> str:
    """Return the name of the definition that a `$ref` means."""
    name: str = schema["$ref"].rpartition("/")[2]
    return name


def noun(definition: str) -> str:
    """Return what people call a definition: `MachineSpec` is a machine."""
    text = definition.removesuffix("Spec")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in text).strip()


def anchor(definition: str) -> str:
    """Return the label of a definition's section."""
    return f"scenario-{noun(definition).replace(' ', '-')}"


def _within(schema: Schema | None) -> str:
    inner = type_text(schema or {})
    return f"({inner})" if " or " in inner else inner


def _limits(schema: Schema) -> str:
    low, high, above = (schema.get(key) for key in ("minimum", "maximum", "exclusiveMinimum"))
    if low is not None:
        return f", {number(low)} to {number(high)}" if high is not None else f", {number(low)} or more"
    more = "" if above is None else f", more than {number(above)}"
    return more if high is None else f"{more}, up to {number(high)}"


def number(value: float) -> str:
    """Return 1e8 as 100,000,000 and 0.5 as it is."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _yaml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
