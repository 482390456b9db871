"""What there is of one kind, by name; and who added what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from simalloc.registry.errors import PluginError
from simalloc.registry.plugin import Plugin

T = TypeVar("T")

TABLES: dict[str, Table] = {}  # type: ignore[type-arg]  # of whatever each one holds
"""Every table by the kind of thing that it has."""


class Table(dict[str, T]):
    """Name -> entry, in the order in which they are listed. What simalloc ships is put in directly, the rest by `add`.

    `kind` is what an entry is called in messages. Whoever must know of changes is told (`watch`).
    """

    def __init__(self, kind: str, entries: Mapping[str, T]) -> None:
        super().__init__(entries)
        self.kind = kind
        self._from: dict[str, Plugin] = {}
        self._watchers: list[Callable[[], object]] = []
        TABLES[kind] = self

    def add(self, name: str, entry: T, plugin: Plugin) -> None:
        """Add what a plugin has. The same plugin may give a name again, as a cell of a notebook that is run again does.

        Raises PluginError for a name that somebody else has.
        """
        if name in self:
            owner = self._from.get(name)
            if owner is None or owner.key != plugin.key:
                whose = f"{owner.name} has" if owner else "simalloc ships"
                raise PluginError(f"{whose} {self.article()} {name!r} already; choose another name")
        self[name] = entry
        self._from[name] = plugin
        self._tell()

    def plugin(self, name: str) -> Plugin | None:
        """Return the plugin that an entry is from; None for what simalloc ships."""
        return self._from.get(name)

    def whose(self, name: str) -> str:
        """Return what a list says of where an entry is from: nothing, or ` (from my_scheme.py)`."""
        plugin = self._from.get(name)
        return f" (from {plugin.name})" if plugin else ""

    def forget(self, plugin: Plugin) -> None:
        """Take out all that a plugin has added."""
        names = [name for name, owner in self._from.items() if owner.key == plugin.key]
        for name in names:
            del self[name], self._from[name]
        if names:
            self._tell()

    def restore(self, names: Iterable[str]) -> None:
        """Take out whatever has been added beside these names: for tests."""
        kept = set(names)
        for name in [name for name in self if name not in kept]:
            del self[name]
            self._from.pop(name, None)
        self._tell()

    def names_of(self, plugin: Plugin) -> list[str]:
        """Return the names of what a plugin has added."""
        return [name for name, owner in self._from.items() if owner.key == plugin.key]

    def watch(self, told: Callable[[], object]) -> None:
        """Have `told` called whenever a plugin's entries come or go."""
        self._watchers.append(told)

    def article(self) -> str:
        """Return the kind with its article."""
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def advice(self, name: str) -> str:
        """Return which entry may have been meant by a name that there is not, or what there is."""
        near = get_close_matches(name, self, n=1, cutoff=0.6)
        return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(self)}"

    def _tell(self) -> None:
        for told in self._watchers:
            told()
