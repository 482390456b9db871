"""The lab's six questions, one for each of notebooks 1 to 6: what is asked, what can be moved, what to predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Chart = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Knob:
    """A key that a question puts in front: the values to move it over, and their names where they need some.

    Without values, the key's menu or switch.
    """

    path: str
    values: Sequence[Any] = ()
    title: str = ""
    names: Sequence[str] = ()


def _cpus_up_to(*sizes: Sequence[int], queues: bool = False) -> Knob:
    """Return the knob that says up to how many CPUs the sweep goes."""
    swept = "machine.cpus, workload.queues" if queues else "machine.cpus"
    values = [{swept: [[n, n] if queues else n for n in each]} for each in sizes]
    return Knob("sweep", values, "CPUs, up to", [str(each[-1]) for each in sizes])


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a lecturer asks before the graph is shown: `answer` finds it in a graph, None while it is not known.

    That graph is of `metric`, or if that is empty of what is shown. `why` explains the answer, `below` one below 0.
    """

    text: str
    unit: str
    answer: Callable[[Chart], float | None]
    metric: str = ""
    why: str = ""
    below: str = "it is more, not less"


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its number, title, a few sentences, what to move, what to predict, and its notebook.

    `shows` is the metric of the first graph, if that is not the usual one.
    """

    number: str
    title: str
    text: str
    try_: str
    knobs: Sequence[Knob]
    prediction: Prediction
    notebook: str
    shows: str = ""


def at(chart: Chart, label: str, x: float) -> float | None:
    """Return the value of the first curve whose name has `label` in it, at `x`; None if it is not known."""
    for curve in chart.get("curves", ()):
        if label in curve["name"] and x in curve.get("x", ()):
            return float(curve["y"][curve["x"].index(x)])
    return None


def _less(chart: Chart, of: tuple[str, float], than: tuple[str, float]) -> float | None:
    """Return by how many percent one value is below another."""
    value, other = at(chart, *of), at(chart, *than)
    return None if value is None or not other else 100 * (1 - value / other)


def _peak(chart: Chart, label: str) -> float | None:
    """Return where a curve is highest."""
    for curve in chart.get("curves", ()):
        if label in curve["name"] and curve.get("x"):
            return float(max(zip(curve["y"], curve["x"], strict=True))[1])
    return None


def first_and_last(chart: Chart) -> float | None:
    """Return by how many percent the last curve is above the first at their last common point."""
    curves = [curve for curve in chart.get("curves", ()) if curve.get("x")]
    if len(curves) < 2:
        return None
    shared = [x for x in curves[0]["x"] if x in curves[-1]["x"]]
    if not shared:
        return None
    first, last = (curve["y"][curve["x"].index(shared[-1])] for curve in (curves[0], curves[-1]))
    return 100 * (last / first - 1) if first else None


GENERAL = Prediction(
    "At the last point, by how many percent is the last curve above the first?",
    "%",
    first_and_last,
    below="it lies under the first",
)
"""What is asked of a scenario that is none of the six."""

QUESTIONS = {
    each.number: each
    for each in (
        Question(
            "1",
            "What is a page made of?",
            "Linux hands out a page of memory (4 KiB) in about 150 cycles and takes it back in about 75. In "
            "2017 a third of that was the price of masking interrupts: POPF, the instruction that restores the "
            "interrupt flag, costs 26 cycles. A patch series changed that, and v4.11-rc is the kernel with it. It "
            "turns preemption off instead: the task then stays on its CPU, but interrupts may come.",
            "The graph shows what a page costs as POPF gets dearer, to the right. Make saving the flag "
            "(PUSHF + CLI) as "
            "cheap as 3 cycles: at which price of POPF do both curves meet now? Then raise the price of preemption.",
            (
                Knob("machine.costs.irq_save", (0, 3, 7, 12, 20, 30), "price of PUSHF + CLI (save)"),
                Knob("machine.costs.preempt_disable", (0, 2, 5, 10, 20, 40), "price of turning preemption off"),
                Knob("machine.costs.preempt_enable", (0, 2, 6, 10, 20, 40), "price of turning preemption on"),
                Knob("workload.batches", ([1], [16], [64], [256], [1024]), "pages in a batch"),
            ),
            Prediction(
                "By how many percent is a page cheaper without masking if POPF costs 7 cycles?",
                "%",
                lambda chart: _less(chart, ("v4.11-rc", 7), ("v4.10", 7)),
                "total",
                "Why: the kernels differ in nothing but the protection of the list. v4.10 pays for PUSHF + CLI and for "
                "POPF twice a page, v4.11-rc for turning preemption off and on twice. The cheaper POPF is, the less "
                "there is to save.",
            ),
            "01-a-page-in-cycles",
        ),
        Question(
            "2",
            "What does it save not to mask interrupts?",
            "A benchmark allocates a batch of pages and frees it again. Each CPU keeps a list of free pages for"
            " itself (its pcp list). Small batches never leave that list. Larger ones overflow it: then pages "
            "move between the list and the zone, which all CPUs share, under the zone's lock (zone->lock). "
            "Meanwhile both kernels mask interrupts. vanilla is Linux v4.10, which masks them for each page as well; "
            "one-at-a-time is the patch series of January 2017, which does not.",
            "Where do the curves bend? Move pcp.high and watch the bend move with it. Then show the longest window "
            "with interrupts off.",
            (
                Knob("allocator.high", (62, 93, 186, 372, 744, 1500), "pcp.high: pages a list may hold"),
                Knob("allocator.batch", (7, 15, 31, 62), "pcp.batch: pages a refill moves"),
                Knob("machine.costs.irq_restore", (4, 7, 10, 16, 26, 38, 60), "price of POPF (restore)"),
                Knob("machine.costs.irq_save", (0, 3, 7, 12, 20, 30), "price of PUSHF + CLI (save)"),
            ),
            Prediction(
                "At 64 pages a batch, by how many percent is a page cheaper without masking?",
                "%",
                lambda chart: _less(chart, ("one-at-a-time", 64), ("vanilla", 64)),
                "total",
                "Why: 64 pages fit on the list, so each page pays for its protection and nothing for the zone. "
                "Move the price of POPF to see how much of the saving it makes.",
            ),
            "02-masking-interrupts",
        ),
        Question(
            "3",
            "What does a larger batch buy, and what does it cost?",
            "Four CPUs share one zone. When a CPU's own list of pages is empty, it is refilled: the CPU takes "
            "the zone's lock (zone->lock) and moves a batch of pages. Large batches take the lock less often "
            "and hold it longer. While it is held, interrupts are off on that CPU.",
            "Show the longest window with interrupts off instead of the time. Which batch would you choose? Add "
            "CPUs, and choose again.",
            (
                Knob("machine.cpus", (1, 2, 4, 6, 8), "CPUs"),
                Knob("machine.lock", (), "kind of lock"),
                Knob("machine.costs.line_transfer", (40, 84, 120, 158, 240, 320), "price of fetching a cache line"),
                Knob("machine.costs.zone_lines", (0, 1, 2, 4, 8), "cache lines that move with zone->lock"),
            ),
            Prediction(
                "How many times as long as at batch 255 does an allocation take at batch 3 in v4.17?",
                "times",
                lambda chart: _ratio(at(chart, "v4.17", 3), at(chart, "v4.17", 255)),
                "alloc",
                "Why: with batch 3 every third page takes zone->lock and waits for the other CPUs, with "
                "batch 255 one in "
                "255. What a long batch costs is not on this graph: show the longest window with interrupts off.",
            ),
            "03-batching",
        ),
        Question(
            "4",
            "Why was it reverted?",
            "A network card delivers packets to receive queues, one queue a CPU, and each packet takes a page. "
            "Packets are handled in softirqs, which run right after an interrupt. In v4.11-rc softirqs may not "
            "use the CPU's own list of pages, so each page is asked for under zone->lock, the lock that all "
            "CPUs share. One CPU does not notice. Eight do. So v4.11-rc's change was taken back (reverted). bh-disable "
            "is a repair that was proposed: it keeps softirqs off instead, so that they may use the list.",
            "Move the load and the price of a cache line. Then switch on recycling of pages: does the allocator "
            "still matter?",
            (
                _cpus_up_to((1, 2, 3, 4), (1, 2, 3, 4, 6), (1, 2, 3, 4, 6, 8), (1, 2, 4, 6, 8, 10, 12), queues=True),
                Knob("workload.queue_gbits", (1, 2.5, 5, 7.5, 10), "load of each queue"),
                Knob("workload.packet_cycles", (1000, 2000, 3400, 5000), "other work for a packet"),
                Knob("machine.costs.line_transfer", (40, 84, 120, 158, 240, 320), "price of fetching a cache line"),
                Knob("machine.lock", (), "kind of lock"),
                Knob("workload.recycle", (), "page_pool keeps pages"),
            ),
            Prediction(
                "With 8 queues 60 Gbit/s are offered. How many does v4.11-rc carry?",
                "Gbit/s",
                lambda chart: at(chart, "v4.11-rc", 8),
                "throughput",
                "Why: each page of each packet needs zone->lock, and its cache lines move from CPU to CPU. A lock that "
                "is always taken cannot serve more packets, however many CPUs there are.",
            ),
            "04-why-it-was-reverted",
        ),
        Question(
            "5",
            "When does the lock win?",
            "Every CPU works for 20000 cycles on average and then needs one lock for 400. So about fifty CPUs "
            "fill the lock. With a queued lock, throughput stops growing there. A ticket lock collapses long "
            "before: whenever it is handed over, all who wait fetch its cache line. "
            "Throughput is in Mops/s: millions of such turns a second, of all CPUs together.",
            "Move the price of a cache line: where does the ticket lock collapse now? Then hold the lock longer.",
            (
                _cpus_up_to(
                    (1, 2, 3, 4, 6, 8),
                    (1, 4, 8, 12, 16),
                    (1, 4, 8, 16, 24, 28, 32),
                    (1, 4, 8, 16, 24, 28, 32, 40, 48),
                    (1, 8, 16, 24, 28, 32, 40, 48, 56, 64),
                ),
                Knob("machine.costs.line_transfer", (20, 60, 84, 120, 158, 240, 320), "price of fetching a cache line"),
                Knob("workload.hold", tuple(f"{n} cycles" for n in (100, 200, 400, 800, 1600)), "time in the lock"),
                Knob(
                    "workload.think",
                    tuple({"exponential": f"{n} cycles"} for n in (5000, 10000, 20000, 40000)),
                    "own work between two turns",
                ),
            ),
            Prediction(
                "At how many CPUs does the ticket lock give the most operations?",
                "CPUs",
                lambda chart: _peak(chart, "ticket"),
                "throughput",
                "Why: each CPU that waits makes the hand-over slower, so a longer queue makes itself longer still. "
                "A queued lock is handed to one CPU, and only that one fetches the line.",
            ),
            "05-when-the-lock-wins",
        ),
        Question(
            "6",
            "What does a bulk call do to an interrupt?",
            "Half of what a page costs is the call. A bulk call asks for many pages and pays that once. Linux "
            "v6.1 masks interrupts for the whole call; noirq-v2, a proposal of 2017, does not. A device "
            "interrupts at random moments and has to wait while interrupts are masked.",
            "The graph shows how long a device may have to wait, by pages in a call. Show the time of an "
            "allocation and a "
            "free too: from which size on does a longer call save little? Then make preparing a page dearer.",
            (
                Knob("interrupts.0.hz", (1000, 10000, 50000, 100000), "interrupts a second"),
                Knob("interrupts.0.handler_cycles", (0, 200, 1000, 4000), "work of the handler"),
                Knob("machine.costs.irq_restore", (4, 7, 10, 16, 26, 38, 60), "price of POPF (restore)"),
                Knob("machine.costs.page_out", (10, 20, 41, 80, 160), "preparing a page"),
            ),
            Prediction(
                "By how many percent is a page cheaper in bulk calls of 16 pages in v6.1?",
                "%",
                lambda chart: _less(chart, ("v6.1, bulk", 16), ("v6.1, page by page", 16)),
                "total",
                "Why: most of what a single call costs is paid once for all 16 pages. Show the time of an "
                "allocation and "
                "a free to see it. The graph shows what is paid for it: interrupts stay masked for the whole call.",
            ),
            "06-bulk-and-latency",
            "irqs_off_longest",
        ),
    )
}


def _ratio(value: float | None, other: float | None) -> float | None:
    return None if value is None or not other else value / other
