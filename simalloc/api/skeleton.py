"""The text of a plugin to begin with."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from simalloc.registry import PluginError


def skeleton(kind: str, file: Path) -> tuple[str, str]:
    """Return the text of a plugin of this kind and the name it registers, made from the file's name.

    Raises PluginError for a file that cannot be called so.
    """
    if file.suffix != ".py" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", file.stem) or keyword.iskeyword(file.stem):
        raise PluginError(f"{file}: should be named with letters, digits and underscores, and end in .py")
    words = [word for word in file.stem.lower().split("_") if word]
    name, of_class = "-".join(words), "".join(word.capitalize() for word in words)
    text = files("simalloc.api").joinpath(f"skeletons/{kind}.txt").read_text(encoding="utf-8")
    parts = {"name": name, "class": of_class, "title": " ".join(words).capitalize(), "file": file}
    return Template(text).substitute(parts), name
