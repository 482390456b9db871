"""Figures, one a file. Importing this package loads matplotlib; nothing below it does."""

from pathlib import Path

from simalloc.plots import contention, cost_by_batch, irq_windows, lock_shares, style, throughput
from simalloc.results import Result


def draw(result: Result, folder: Path) -> list[Path]:
    """Draw every figure that applies to the result into `folder`; return the files."""
    files = []
    if contention.applies(result):
        files += style.save(contention.contention(result), folder / "contention")
    if cost_by_batch.applies(result):
        files += style.save(cost_by_batch.cost_by_batch(result), folder / "cost_by_batch")
    if throughput.applies(result):
        files += style.save(throughput.throughput(result), folder / "throughput")
    if lock_shares.applies(result):
        files += style.save(lock_shares.lock_shares(result), folder / "lock_shares")
    if irq_windows.applies(result):
        files += style.save(irq_windows.irq_windows(result), folder / "irq_windows")
    return files


__all__ = ["draw"]
