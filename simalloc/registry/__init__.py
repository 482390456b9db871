"""The tables of what there is by name, and the plugins that add to them. The lowest room: it knows no other."""

from simalloc.registry.errors import PluginError, PluginFailed, blame, place_in_plugin
from simalloc.registry.loading import GROUP, ensure, load_installed, load_plugin, loaded_from
from simalloc.registry.plugin import API_VERSION, Plugin
from simalloc.registry.table import TABLES, Table

__all__ = [
    "API_VERSION",
    "GROUP",
    "TABLES",
    "Plugin",
    "PluginError",
    "PluginFailed",
    "Table",
    "blame",
    "ensure",
    "load_installed",
    "load_plugin",
    "loaded_from",
    "place_in_plugin",
]
