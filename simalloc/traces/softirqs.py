"""The kernel's names of softirqs. Linux v4.10 (ea57485af8f4), include/linux/interrupt.h, irq.h's show_softirq_name."""

from __future__ import annotations

SOFTIRQS = dict(
    enumerate(("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"))
)
