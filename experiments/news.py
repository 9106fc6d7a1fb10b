"""News that a scenario gives in hours, and whom ADL reduced: told in sentences from a run's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.frames import liquidations_of, of_ticker
from offhours.experiments.metrics.cascades import of_hedges
from offhours.experiments.moves import Move
from offhours.experiments.words import counted, dollars, listed, share_of
from offhours.sim.hours import HOUR_US, format_new_york

if TYPE_CHECKING:
    from offhours.experiments.run import Run

AFTER_US = HOUR_US
"""How long after the end of a given move liquidations are told with it."""
GROUPS_TOLD = 3


def given_move(run: Run) -> Move | None:
    """The headline's first given move in hours; None where there is none, or where a gap of it is the news."""
    return min(run.scenario.news_moves, key=lambda move: move.from_us, default=None)


def _until(run: Run) -> int:
    """Some time after the last given move of any ticker has ended."""
    return max(own.to_us for own in run.scenario.moves) + AFTER_US


def _soon(run: Run, move: Move) -> tuple[int, int, float]:
    """Forced trades from a move's beginning until some time after it, all of them, and the share of dollars."""
    found = liquidations_of(run)
    inside = ((found["us"] >= move.from_us) & (found["us"] <= _until(run))).to_numpy()
    value = found["value_usd"].abs().to_numpy(float)
    return int(inside.sum()), len(found), float(value[inside].sum() / value.sum()) if value.sum() else 0.0


def _named(move: Move) -> str:
    """ "fall of 22 % within 12 minutes"."""
    minutes = (move.to_us - move.from_us) / 60e6
    return (
        f"{'fall' if move.change_ppb < 0 else 'rise'} of {abs(move.change_ppb) / 1e7:g} % within {minutes:.0f} minutes"
    )


def title(run: Run, move: Move) -> str:
    """A given move in a line: what came of it within an hour."""
    soon, total, _ = _soon(run, move)
    if total == 0:
        return f"A given {_named(move)}, and nobody was liquidated"
    return f"A given {_named(move)}; {share_of(soon, total)} of {counted(total, 'liquidation')} came until an hour after it"


def _mark_went(run: Run, move: Move) -> str:
    """How far the mark went at most, from before a given move until an hour after it; empty where no bar tells."""
    bars = of_ticker(run, "bars")
    before = bars[bars["us"] <= move.from_us]
    inside = bars[(bars["us"] > move.from_us) & (bars["us"] <= _until(run))]
    if not (len(before) and len(inside)):
        return ""
    away = inside["mark_usd"].to_numpy(float) / float(before["mark_usd"].iloc[-1]) - 1
    furthest = 100 * float(away[int(np.argmax(np.abs(away)))])
    return f"; the perp's mark stood {furthest:+.1f} % at its furthest, until an hour after it"


def price_title(run: Run, move: Move) -> str:
    """A given move in a line: how far the mark went."""
    return f"{move.ticker}'s stock was given a {_named(move)}{_mark_went(run, move)}"


def sentence(run: Run, move: Move) -> str:
    """What was given and what the mark did, and how much of what was liquidated belongs to it."""
    at = format_new_york(move.from_us)[:20]
    text = f"From {at} New York {price_title(run, move)}"
    _, total, share = _soon(run, move)
    return f"{text}." if total == 0 else f"{text}. Of all dollars liquidated, {100 * share:.0f} % fell into that time."


def reduced(run: Run) -> str:
    """Whose positions were closed by ADL to pay for others', and how many of them were legs of hedges; empty where none."""
    cuts, people = run.exact_rows().get("deleverages"), run.tables().get("accounts")
    if cuts is None or len(cuts) == 0 or people is None:
        return ""
    whose = dict(zip(people["account"].to_numpy(int), people["group"]))
    value = np.abs(cuts["value_uusd"]) / 1e6
    groups = np.array([whose.get(int(account), "") for account in cuts["account"]], dtype=object)
    by_group = sorted(((float(value[groups == name].sum()), str(name)) for name in set(groups)), reverse=True)
    told = [f"{name} {dollars(usd)}" for usd, name in by_group[:GROUPS_TOLD]]
    if len(by_group) > GROUPS_TOLD:
        told.append(f"others {dollars(sum(usd for usd, _ in by_group[GROUPS_TOLD:]))}")
    hedged = of_hedges(cuts)
    broken = len(np.unique(cuts["account"][hedged]))
    hedges = "none of them a leg of a hedge" if broken == 0 else f"and with it {dollars(float(value[hedged].sum()))} of hedges of {counted(broken, 'account')}"  # fmt: skip
    return f"To close what nobody bought, ADL took positions of {counted(len(np.unique(cuts['account'])), 'account')}, {dollars(float(value.sum()))}: {listed(told)}; {hedges}."  # fmt: skip
