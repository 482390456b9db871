"""Presets whose unit is instructions: fitted on one page a call, they predict other ways to allocate and free."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simalloc.machine import Cpu, Program
from simalloc.runs import run
from simalloc.runs.simulation import build_model
from simalloc.scenario import build

TABLE = Path(__file__).parent / "data" / "instructions.csv"
ROWS = list(csv.DictReader(line for line in TABLE.read_text().splitlines() if not line.startswith("#")))
GENERATION = {"6.1": "6.1-stable", "6.12": "v6.12"}
ZONE = {"name": "DMA32", "start": 4096, "span": 258048, "pages": 245310, "free": 220000}
MARKS = {"min": 974, "low": 1217, "high": 1460}

REPEATED = 6


def per_page(kernel: str, variant: str, batch: int) -> tuple[float, float]:
    """Allocate and free so many pages again and again; return instructions a page of both, the last time."""
    scenario = build(
        {
            "name": "instructions",
            "machine": {"preset": f"linux-{kernel}-instructions"},
            "memory": {"zones": [ZONE | MARKS]},
            "allocator": GENERATION[kernel],
            "workload": {"kind": "pagealloc"},
        }
    )
    model = build_model(scenario, scenario.cases[0])
    allocator, cpu = model.allocator, model.machine.cpus[0]
    found = [(0.0, 0.0)]

    def program(cpu: Cpu) -> Program[None]:
        for _ in range(REPEATED):
            pages: list[int] = []
            began = cpu.clock
            if variant == "bulk":
                yield from allocator.alloc_pages_bulk(cpu, batch, pages)
            else:
                yield from allocator.alloc_pages_each(cpu, batch, pages)
            between = cpu.clock
            yield from allocator.free_pages_each(cpu, pages[::-1] if variant == "lifo" else pages)
            found[0] = (between - began) / batch, (cpu.clock - between) / batch

    model.machine.run([program(cpu)])
    return found[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['kernel']}-{row['variant']}-{row['batch']}")
def test_instructions_a_page_within_three_percent(row: dict[str, str]) -> None:
    found = per_page(row["kernel"], row["variant"], int(row["batch"]))
    errors = [ours / float(row[what]) - 1 for ours, what in zip(found, ("alloc", "free"), strict=True)]
    assert max(map(abs, errors)) < 0.03, (found, errors)


def test_what_counts_instructions_says_so() -> None:
    scenario = build(
        {
            "name": "instructions",
            "machine": {"preset": "linux-6.1-instructions"},
            "allocator": "6.1-stable",
            "workload": {"kind": "pagealloc", "batches": [16384], "samples": 3},
        }
    )
    result = run(scenario)
    units = {row["unit"] for rows in (result.rows, result.locks, result.latency, result.prices) for row in rows}
    assert units <= {"instructions", "pages", "cache lines", "share"}
