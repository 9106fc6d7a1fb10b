"""A watched life written by hand."""

from __future__ import annotations

import numpy as np

from offhours.experiments.watcher import Seen

S = 1_000_000


def life(usd: list[float], lots: list[int], marks: list[int], owed: list[float] | None = None, seconds: list[int] | None = None, paid: list[float] | None = None) -> Seen:  # fmt: skip
    """A watched life in one ticker whose lot is a share and whose tick a cent; money in dollars."""
    n = len(usd)
    debts = np.round(np.array(owed or [0.0] * n) * S).astype(np.int64)
    cash, size, tick = np.round(np.array(usd) * S).astype(np.int64), np.array(lots), np.array(marks)
    return Seen(
        time_us=np.array(seconds or range(n)) * S,
        usd_uusd=cash,
        lots=size.reshape(-1, 1),
        mark_ticks=tick.reshape(-1, 1),
        paid_pusd=np.round(np.array(paid or [0.0] * n) * 1e12).astype(np.int64).reshape(-1, 1),
        owed_uusd=debts,
        required_uusd=np.zeros(n, dtype=np.int64),
        equity_uusd=cash + size * tick * 10_000 - debts,
        unit_uusd=np.array([10_000]),
    )
