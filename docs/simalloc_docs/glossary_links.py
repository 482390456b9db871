"""Links to the glossary: each of its terms, where a page first uses it.

Authors write plain words. The links are made when a page is written, so that none is forgotten when a page changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

EVERYDAY = {"activity", "case", "cold", "context", "high", "hold", "order", "price", "step", "wait", "warm"}
"""Terms that are also words of everyday English: a page that uses one need not mean the term."""

NOT_PROSE = (nodes.title, nodes.literal, nodes.literal_block, nodes.reference, nodes.raw, nodes.term, nodes.rubric)


def pattern(terms: Collection[str]) -> re.Pattern[str]:
    """Return what finds a term, also in the plural, as a whole word; of two that begin alike, the longer."""
    longest_first = sorted(terms, key=lambda term: (-len(term), term))
    return re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, longest_first))})(?:e?s)?(?![\w-])", re.IGNORECASE)


def link(document: nodes.document, terms: Collection[str], address: Callable[[str], str]) -> None:
    """Link each term where `document` first uses it in prose, to `address(term)`."""
    left = {term.lower(): term for term in terms if term not in EVERYDAY}
    for text in list(document.findall(nodes.Text)):
        if not left:
            break
        if not isinstance(text.parent, nodes.Element) or _is_inside(text, NOT_PROSE):
            continue
        parts, done = [], 0
        for match in pattern(left.values()).finditer(text):
            term = left.pop(match[1].lower(), None)
            if term is not None:
                parts += [nodes.Text(text[done : match.start()]), _reference(match[0], address(term))]
                done = match.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[done:])])


def _is_inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    return node is not None and (isinstance(node, kinds) or _is_inside(node.parent, kinds))


def _reference(text: str, address: str) -> nodes.reference:
    return nodes.reference("", text, internal=True, refuri=address, classes=["glossary-term"])


def link_page(app: Sphinx, document: nodes.document, page: str) -> None:
    """Link the terms of a page that is about to be written; the glossary and the reference of the code have none."""
    if page == "glossary" or page.startswith("api/"):
        return
    known = {
        term: f"{app.builder.get_relative_uri(page, place)}#{anchor}"
        for term, _, kind, place, anchor, _ in app.env.get_domain("std").get_objects()
        if kind == "term"
    }
    link(document, known, lambda term: known[term])
