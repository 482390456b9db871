"""The latency table: how long interrupts are off and how long they wait, by label, and what made the worst one."""

from __future__ import annotations

from simalloc.results.result import Result, Row

KINDS = {
    "irqs_off": "interrupts off",
    "bh_off": "bottom halves off",
    "irq_latency": "interrupt latency",
}


def latency_table(result: Result) -> str:
    """Return a line per kind and label, over all CPUs and sites, in us; empty if no interrupt was ever taken."""
    rows = [row for row in result.latency if row["cpu"] == "all" and row["site"] == "all"]
    if not any(row["kind"] == "irq_latency" for row in rows):
        return ""
    width = max(len(row["label"]) for row in rows)
    head_unit = "us" if result.unit == "cycles" else "thousand instructions"
    head = f"{head_unit:<{width + 2}}{'count':>9}{'mean':>9}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>9}"
    lines = []
    for kind, title in KINDS.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        if not of_kind:
            continue
        split = "" if kind != "irqs_off" else "   the longest: waiting + holding + rest, where"
        lines += ["", title + " (per window)" * (kind != "irq_latency"), head + split]
        lines += [f"{row['label']:<{width + 2}}{_line(row, result)}" for row in of_kind]
    return "\n".join(lines)


def _line(row: Row, result: Result) -> str:
    def us(cycles: float) -> str:
        return f"{result.microseconds(row, cycles):>9.2f}"

    text = f"{row['count']:>9}" + "".join(us(row[name]) for name in ("mean", "p50", "p99", "p99.9", "max"))
    if row["kind"] == "irqs_off":
        parts = " + ".join(us(row[name]).strip() for name in ("max_waited", "max_held", "max_rest"))
        text += f"   {parts}, {row['max_site']}"
    return text
