"""What became of a broken hedge, as its owner counts it: the breaks he learned of, his repair orders, what it cost him."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from offhours.agents import desk
from offhours.agents.arbitrageur import arbitrageurs
from offhours.agents.wake import ARBITRAGEUR

if TYPE_CHECKING:
    from offhours.sim.simulation import Simulation


@dataclass(frozen=True)
class Hedge:
    """An arbitrageur's own counts; names are the columns of his table."""

    broken: float
    """Legs that were taken, as he learned it."""
    broken_usd: float
    """Their value at the index when he learned it."""
    repaired: float
    """Times he was even again."""
    repair_orders: float
    """Orders sent to even out his legs, those after an unfilled leg included."""
    broken_loss_usd: float
    """Worth at his last even look less worth when even again, summed over breaks."""
    broken_for_us: float
    """Time between learning and being even again, summed."""

    def since(self, before: Hedge) -> Hedge:
        """What has come since an earlier count."""
        return Hedge(*(getattr(self, field.name) - getattr(before, field.name) for field in fields(self)))


def row_of(simulation: Simulation, account: int) -> int | None:
    """The row of the table of arbitrageurs that an account trades for; None where it is nobody's of them."""
    crowd = simulation.blocks[1]
    found = np.flatnonzero(crowd[desk.agents]["account"] == account)
    if len(found) == 0:
        return None
    agent = crowd[desk.agents][int(found[0])]
    arbitrates = int(crowd[desk.groups]["population"][int(agent["group"])]) == ARBITRAGEUR
    return int(agent["row"]) if arbitrates else None


def hedge_of(simulation: Simulation, row: int) -> Hedge:
    """An arbitrageur's counts now."""
    own = simulation.blocks[1][arbitrageurs][row]
    return Hedge(*(float(own[field.name]) for field in fields(Hedge)))
