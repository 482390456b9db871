"""The words of the lab for somebody who has never seen a kernel: each defined by words that come before it."""

from __future__ import annotations

from simalloc.lab.elements import Tag

TERMS = {
    "page": "A piece of memory of 4 KiB. The kernel gives memory to programs and devices in pages.",
    "cycle": "One tick of a CPU's clock. At 4 GHz it lasts 0.25 ns. 1 us (microsecond) is 4000 of them.",
    "zone": "A range of memory. It has lists of its free pages, which all CPUs share.",
    "zone->lock": "The lock of those lists: one CPU at a time may use them, the others wait.",
    "cache line": "64 bytes. It moves from one CPU's cache to another's when both use it: some 100 cycles.",
    "pcp list": "Per-CPU pages: each CPU's own short list of free pages. To use it, a CPU needs no lock of the zone.",
    "refill, drain": "A refill moves pages from the zone to an empty pcp list; a drain moves pages back. "
    "Both take zone->lock.",
    "batch, high": "pcp.batch: the pages that a refill moves. pcp.high: with so many pages on the list, a "
    "free drains it.",
    "masking interrupts": "A CPU refuses to be interrupted for a while. A device that interrupts then has to wait.",
    "window": "The time from masking interrupts to unmasking them.",
    "PUSHF, CLI, POPF": "Instructions: save the flags of the CPU, mask interrupts, and load the saved flags again.",
    "preemption": "To take the CPU away from a task and give it to another task. It can be turned off for a while.",
    "softirq": "Work that an interrupt leaves for later, such as receiving packets. It runs before tasks go on.",
    "v4.10, v6.1": "Versions of Linux. v4.10 is of February 2017, v6.1 of December 2022. v4.11-rc is a test version.",
    "noirq-v2": "Patches of January 2017 that stop masking interrupts around pcp lists. v4.11-rc had them.",
}
"""Term -> what it means."""


def show_terms() -> None:
    """Put the words into the page, folded."""
    with Tag("details", classes="lab-terms", id="terms"):
        Tag("summary", "Words used on this page")
        with Tag("dl"):
            for term, meaning in TERMS.items():
                Tag("dt", term)
                Tag("dd", meaning)
