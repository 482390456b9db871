"""Running a plugin's code, once, so that it can register what it has.

Code is run for three reasons only: its file was named by the user, its package is installed with an entry point, or
another process of the same run has had it for one of these. No scenario can name one.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType

from simalloc.registry.errors import FILES, PluginError, one_line, place_in_plugin
from simalloc.registry.plugin import API_VERSION, Plugin
from simalloc.registry.table import TABLES

GROUP = "simalloc.plugins"
"""The group of entry points, each of which names a module."""

MOST_BYTES = 1 << 20
"""A longer file is no plugin that anybody wrote."""

API_NAME = "SIMALLOC_API"
"""A plugin may say in this variable which version of the API it is written for."""

_loaded: dict[str, Plugin] = {}
_loading: list[Plugin] = []
_looked_for_installed: list[bool] = []


def load_plugin(path: str | Path) -> Plugin:
    """Run a plugin's file, so that scenarios may name what it registers. A file that has changed is run anew.

    Raises PluginError, with file and line, if it cannot be read or run, or registers nothing.
    """
    file = Path(path)
    try:
        if not file.is_file():
            raise PluginError(f"{path}: {'is no file' if file.exists() else 'no such file'}; a plugin is a Python file")
        if file.stat().st_size > MOST_BYTES:
            raise PluginError(f"{path}: is too large; a plugin has at most {MOST_BYTES} bytes")
        code = file.read_bytes()
    except OSError as error:
        raise PluginError(f"{path}: cannot be read: {error.strerror}") from None
    if file.suffix != ".py":
        raise PluginError(f"{path}: is no Python file; its name should end in .py")
    return _run(Plugin(file.name, "file", str(path), _module_name(file), code))


def load_installed() -> None:
    """Import the modules that installed packages name as plugins, once. One that fails is warned of, and left out."""
    if _looked_for_installed:
        return
    _looked_for_installed.append(True)
    for entry in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        try:
            _import(entry)
        except PluginError as error:
            warnings.warn(f"an installed plugin is left out: {error}", stacklevel=2)


def ensure(plugins: Iterable[Plugin]) -> None:
    """Have these plugins here, in a process that others started. Raises PluginError if one is not there, or another."""
    load_installed()
    for plugin in plugins:
        here = _loaded.get(plugin.module)
        if here and here.sha256 == plugin.sha256:
            continue
        if plugin.how == "installed":
            has = f"has {here.name} with other code" if here else "does not have it"
            raise PluginError(f"{plugin.name}: this worker {has}; install the same version there")
        if plugin.how == "session" and _has_registered(plugin):
            continue
        _run(plugin)


def loaded_from(module: str) -> Plugin | None:
    """Return the plugin whose code is being run now, or which this module is."""
    return _loading[-1] if _loading else _loaded.get(module)


def _run(plugin: Plugin) -> Plugin:
    before = _loaded.get(plugin.module)
    if before is not None and before.code == plugin.code and _has_registered(before):
        return before
    FILES.add(plugin.file)
    code = _compile(plugin)
    _forget(before or plugin)
    module = ModuleType(plugin.module)
    module.__file__ = plugin.file
    # Tracebacks show lines of the code that ran, also where its file is not there or has changed.
    lines = plugin.code.decode(errors="replace").splitlines(keepends=True)
    linecache.cache[plugin.file] = (len(plugin.code), None, lines, plugin.file)
    sys.modules[plugin.module] = module
    try:
        with _as_loading(plugin):
            exec(code, module.__dict__)
        if not _has_registered(plugin):
            raise PluginError(f"{plugin.file}: registers nothing; mark a class with @simalloc.api.register")
    except BaseException:
        _forget(plugin)
        del sys.modules[plugin.module]
        raise
    _loaded[plugin.module] = plugin
    return plugin


def _has_registered(plugin: Plugin) -> bool:
    return any(table.names_of(plugin) for table in TABLES.values())


def _compile(plugin: Plugin) -> CodeType:
    try:
        tree = ast.parse(plugin.code, plugin.file)
        code = compile(tree, plugin.file, "exec")
    except SyntaxError as error:
        raise PluginError(f"{plugin.file}:{error.lineno or 1}:{error.offset or 1}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise PluginError(f"{plugin.file}:1: cannot be compiled: {one_line(error)}") from None
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == API_NAME for to in node.targets):
            asked = node.value.value if isinstance(node.value, ast.Constant) else None
            _check_api(f"{plugin.file}:{node.lineno}", asked)
    return code


def _check_api(where: str, asked: object) -> None:
    if asked != API_VERSION:
        raise PluginError(f"{where}: is written for version {asked} of simalloc.api; this simalloc has {API_VERSION}")


def _import(entry: EntryPoint) -> None:
    """Import an entry point's module. Raises PluginError."""
    package = entry.dist
    name = f"{package.name} {package.version}" if package else entry.name
    named = f"{name} (entry point {entry.name} = {entry.value})"
    try:
        spec = find_spec(entry.module)
    except Exception as error:
        raise PluginError(f"{named}: {one_line(error)}") from None
    if spec is None or not spec.origin:
        raise PluginError(f"{named}: there is no module {entry.module}")
    file = Path(spec.origin)
    plugin = Plugin(name, "installed", spec.origin, entry.module, file.read_bytes() if file.is_file() else b"")
    FILES.add(plugin.file)
    try:
        with _as_loading(plugin):
            module = entry.load()
    except PluginError:
        _forget(plugin)
        raise
    _check_api(plugin.file, getattr(module, API_NAME, API_VERSION))
    _loaded[plugin.module] = plugin


@contextmanager
def _as_loading(plugin: Plugin) -> Iterator[None]:
    """What is registered meanwhile is this plugin's. Raises PluginError, with file and line, for what goes wrong."""
    _loading.append(plugin)
    try:
        yield
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        place = place_in_plugin(error)
        where = place[0] if place else plugin.file
        raise PluginError(f"{where}: {one_line(error)}") from error
    finally:
        _loading.pop()


def _forget(plugin: Plugin) -> None:
    for table in TABLES.values():
        table.forget(plugin)
    _loaded.pop(plugin.module, None)


def _module_name(file: Path) -> str:
    """Return a name under which no other module is, the same for a file whenever it is loaded in this process."""
    stem = re.sub(r"\W", "_", file.stem)
    for plugin in _loaded.values():
        if plugin.how == "file" and Path(plugin.file).resolve() == file.resolve():
            return plugin.module
    name, number = f"simalloc_plugin_{stem}", 2
    while name in sys.modules:
        name, number = f"simalloc_plugin_{stem}_{number}", number + 1
    return name
