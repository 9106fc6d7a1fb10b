"""What was recorded: chunks as they leave the kernel, and a digest that does not depend on where they were cut."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from offhours.sim.declare import Accessor, Memory, spec_of
from offhours.sim.market import clock
from offhours.sim.market.world import RECORDED


class Tape:
    """The recorded tables of one run. `rows(accessor)` gives a table as one structured array of exact integers."""

    def __init__(self, keep: bool = True) -> None:
        self._keep = keep
        self._chunks: dict[int, list[np.ndarray[Any, Any]]] = {log: [] for log in RECORDED}
        self._hashes: dict[tuple[str, str], Any] = {}
        for accessor in RECORDED.values():
            spec = spec_of(accessor)
            for column in spec.columns:
                self._hashes[spec.name, column] = hashlib.sha256(spec.dtype[column].str.encode())

    def drain(self, memory: Memory) -> None:
        """Take what waits in a market's logs and empty them."""
        counts = memory[clock.logs]["count"]
        for log, accessor in RECORDED.items():
            count = int(counts[log])
            if count == 0:
                continue
            chunk = memory[accessor][:count].copy()
            for column in spec_of(accessor).columns:
                self._hashes[spec_of(accessor).name, column].update(np.ascontiguousarray(chunk[column]).tobytes())
            if self._keep:
                self._chunks[log].append(chunk)
        counts[:] = 0
        memory[clock.clock]["logs_full"][0] = 0

    def rows(self, accessor: Accessor) -> np.ndarray[Any, Any]:
        """All rows of a recorded table so far."""
        log = next(log for log, table in RECORDED.items() if table is accessor)
        chunks = self._chunks[log]
        if len(chunks) > 1:
            self._chunks[log] = chunks = [np.concatenate(chunks)]
        return chunks[0] if chunks else np.empty(0, dtype=spec_of(accessor).dtype)

    def digest(self) -> str:
        """SHA-256 over every column of every recorded table: the tape's name."""
        total = hashlib.sha256()
        for (table, column), part in self._hashes.items():
            total.update(f"{table}.{column}:".encode() + part.digest())
        return total.hexdigest()

    def copy(self) -> Tape:
        """An independent tape with the same content."""
        twin = object.__new__(Tape)
        twin._keep = self._keep
        twin._chunks = {log: list(chunks) for log, chunks in self._chunks.items()}
        twin._hashes = {name: part.copy() for name, part in self._hashes.items()}
        return twin
