"""How steady the reported figures are: the shipped settings against ten times the rounds, and late against early.

    python benchmarks/steady.py

Prints, for each batch that spills, the largest difference (cycles/page, over alloc and free and all three cases).
One cycle is the resolution: every sample is integer-divided.
"""

from __future__ import annotations

from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import load

BATCHES = [256, 512, 1024, 2048, 4096]


def figures(*overrides: str) -> Result:
    """Run the January 2017 scenario over BATCHES with these changes."""
    return run(load("pagealloc-2017", [f"workload.batches={BATCHES}", *overrides]), jobs=2)


def main() -> None:
    """Compare."""
    shipped = figures()
    variants = {
        "10 x the samples": figures("workload.samples=150"),
        "31 rounds a sample": figures("workload.rounds=31"),
        "samples 75-90 alone": figures("workload.samples=90", "workload.dropped=75"),
    }
    for name, other in variants.items():
        for batch in BATCHES:
            difference = max(
                abs(a["value"] - b["value"])
                for metric in ("alloc", "free")
                for a, b in zip(
                    shipped.select(metric=metric, batch=batch), other.select(metric=metric, batch=batch), strict=True
                )
            )
            print(f"{name:<20} batch {batch:>5}: at most {difference:.2f} cycles/page apart")


if __name__ == "__main__":
    main()
