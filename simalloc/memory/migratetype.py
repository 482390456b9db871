"""Which pages may move: the three migratetypes that pcp lists know.

Linux v4.10 (ea57485af8f4), include/linux/mmzone.h. CMA, high-atomic and isolated pageblocks are not modelled.
"""

from __future__ import annotations

from enum import IntEnum


class MigrateType(IntEnum):
    """Mobility of a page, by who asked for it: GFP_KERNEL data does not move, user pages do, caches can be dropped."""

    UNMOVABLE = 0
    MOVABLE = 1
    RECLAIMABLE = 2


FALLBACKS: dict[MigrateType, tuple[MigrateType, MigrateType]] = {
    MigrateType.UNMOVABLE: (MigrateType.RECLAIMABLE, MigrateType.MOVABLE),
    MigrateType.MOVABLE: (MigrateType.RECLAIMABLE, MigrateType.UNMOVABLE),
    MigrateType.RECLAIMABLE: (MigrateType.UNMOVABLE, MigrateType.MOVABLE),
}
"""Whose free blocks a type takes when its own are gone, first choice first. Linux v4.10 (ea57485af8f4), fallbacks[]."""
