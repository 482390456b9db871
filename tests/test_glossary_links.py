"""Terms of the glossary are linked where a page first uses them."""

from __future__ import annotations

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from simalloc_docs.glossary_links import link

TERMS = ["zone", "zone lock", "softirq", "POPF", "high", "pcp"]


def linked(text: str) -> list[tuple[str, str]]:
    """Return the words that are linked in a page of this text, and where to."""
    document = publish_doctree(text)
    link(document, TERMS, lambda term: f"#{term}")
    return [(each.astext(), each["refuri"]) for each in document.findall(nodes.reference)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A zone and a zone.", [("zone", "#zone")]),
        ("The zone lock of a zone.", [("zone lock", "#zone lock"), ("zone", "#zone")]),
        ("Softirqs come late; a softirq waits.", [("Softirqs", "#softirq")]),
        ("The price of POPF.", [("POPF", "#POPF")]),
        ("A high price.", []),
        ("The word ozone, zone_lock and ``zone``.", []),
        ("Zone\n====\n\nText about a pcp.", [("pcp", "#pcp")]),
        ("First *a softirq*, then\n\na softirq.", [("softirq", "#softirq")]),
    ],
)
def test_the_first_use_in_prose_is_linked(text: str, words: list[tuple[str, str]]) -> None:
    assert linked(text) == words


def test_the_words_of_a_page_stay_as_they_are() -> None:
    text = "A softirq takes the zone lock; each pcp has a high mark."
    document = publish_doctree(text)
    link(document, TERMS, str)
    assert document.astext() == text
