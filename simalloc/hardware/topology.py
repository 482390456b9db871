"""Where CPUs are: sockets, NUMA nodes, last-level caches, cores, SMT siblings; and how far lines travel."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Shape:
    """How a machine is made up. A node is part of a socket; an LLC (a CCX on AMD) is part of a node.

    CPUs are numbered as Linux does on x86: first threads of all cores, socket by socket, then their siblings.
    """

    sockets: int = 1
    nodes_per_socket: int = 1
    llcs_per_node: int = 1
    cores_per_llc: int = 1
    threads_per_core: int = 1

    @property
    def cores(self) -> int:
        """All cores."""
        return self.sockets * self.nodes_per_socket * self.llcs_per_node * self.cores_per_llc

    @property
    def cpus(self) -> int:
        """All hardware threads."""
        return self.cores * self.threads_per_core

    def with_parts(self, **parts: int) -> Shape:
        """Return a copy with these parts changed."""
        return replace(self, **parts)


@dataclass(frozen=True, slots=True)
class Distances:
    """Cycles to fetch a line that another CPU has modified, by what the two share."""

    core: int
    llc: int
    socket: int
    remote: int


class Topology:
    """A shape with distances: answers the machine's questions by table."""

    def __init__(self, shape: Shape, distances: Distances) -> None:
        self.shape = shape
        self.distances = distances
        self.nearest = min(distances.core, distances.llc, distances.socket, distances.remote)
        self._core = [cpu % shape.cores for cpu in range(shape.cpus)]
        self._llc = [core // shape.cores_per_llc for core in self._core]
        self._node = [llc // shape.llcs_per_node for llc in self._llc]
        self._socket = [node // shape.nodes_per_socket for node in self._node]
        self._rows: dict[int, list[int]] = {}

    def node(self, cpu: int) -> int:
        """Return the NUMA node of the CPU."""
        return self._node[cpu]

    def siblings(self, cpu: int) -> list[int]:
        """Return the other threads of the CPU's core."""
        cores = self.shape.cores
        return [other for other in range(cpu % cores, self.shape.cpus, cores) if other != cpu]

    def transfer(self, source: int, target: int) -> int:
        """Return how many cycles it takes `target` to fetch a line that `source` has modified; 0 to itself."""
        row = self._rows.get(source)
        if row is None:
            row = self._rows[source] = [self._distance(source, cpu) for cpu in range(self.shape.cpus)]
        return row[target]

    def _distance(self, a: int, b: int) -> int:
        if a == b:
            return 0
        if self._core[a] == self._core[b]:
            return self.distances.core
        if self._llc[a] == self._llc[b]:
            return self.distances.llc
        return self.distances.socket if self._socket[a] == self._socket[b] else self.distances.remote
