"""Who is cut, and by how much, when a bankrupt position must be closed against others: policies of auto-deleveraging.

A policy is a plain function ``(candidates, budget) -> reductions`` on arrays, so that the next one is ten lines::

    def fair(candidates, budget):
        return candidates.room * budget / candidates.room.sum()

`candidates.room` is the most that can be taken of each, in the unit of the budget: lots of a position, or dollars of profit.
In the running market candidates stand in the order of a draw, rooms are lots, a cap is the part of the position that the account's
equity pays for at the common price, and offset is what tokens of the account stand against. What a policy returns is checked, and
one's own comes from a Python file (:mod:`~offhours.sim.programs`).

The formulas are those of Chitra, "Autodeleveraging: Impossibilities and Optimization" (arXiv 2512.01112): queue, pro rata,
capped pro rata by water filling, risk-aware, min-max. Its printed "levered pro rata" divides twice by its total and is not
budget balanced; here leverage enters through water filling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhours.sim.compile import uncompiled
from offhours.sim.market import deleverage
from offhours.sim.mistake import Mistake, nearest

Floats = NDArray[np.float64]


class PolicyError(Mistake):
    """A policy that raised, hung, or returned something that is not an allocation; one sentence."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(name, "", "", what)


@dataclass(frozen=True)
class Candidates:
    """Those whose positions may be cut: arrays of equal length, in the order of the venue's book of accounts."""

    room: Floats
    """Most that can be taken: lots of the position, or dollars of profit."""
    profit: Floats
    """Unrealised profit of the position at the mark, dollars; negative where it has lost."""
    equity: Floats
    """Equity of the account, dollars."""
    notional: Floats
    """Value of the position at the mark, dollars."""
    gross: Floats
    """Values of all positions of the account, dollars."""
    score: Floats
    """What the venue ranks by; the highest goes first."""
    cap: Floats
    """Largest share of the room that may be taken, 0 to 1."""
    offset: Floats
    """Part of the room that stands against other legs of the same account, as a hedge; at most the room."""

    @classmethod
    def of(cls, room: Any, **columns: Any) -> Candidates:
        """From any sequences; what is not given is neutral (no profit, equity of one, cap of one, no hedge)."""
        rooms = np.asarray(room, dtype=np.float64)
        filled = {name: np.zeros(len(rooms)) for name in ("profit", "score", "offset", "notional")}
        filled |= {"equity": np.ones(len(rooms)), "cap": np.ones(len(rooms))}
        filled |= {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
        filled.setdefault("gross", filled["notional"])
        return cls(rooms, **filled)

    def __len__(self) -> int:
        return len(self.room)

    @property
    def leverage(self) -> Floats:
        """Gross value over equity, at most LEVERAGE_MOST, which it is where nothing is left."""
        alive = self.equity * LEVERAGE_MOST > self.gross
        return np.where(alive, self.gross / np.where(alive, self.equity, 1.0), LEVERAGE_MOST)

    @property
    def most(self) -> Floats:
        """What can be taken of each within its cap."""
        return self.room * self.cap

    def frozen(self) -> Candidates:
        """A copy that cannot be written to, for somebody else's code."""
        copies = {}
        for item in fields(self):
            copies[item.name] = getattr(self, item.name).copy()
            copies[item.name].flags.writeable = False
        return Candidates(**copies)


@dataclass(frozen=True)
class Interval:
    """What a funding rule is shown beside an interval's premiums."""

    previous_rate: float
    """Rate of the interval that ends, a share of one."""
    index: float
    """Dollars."""
    mark: float
    """Dollars."""
    longs: float
    """What traders hold long, dollars at the index; longs and shorts differ by what the venue's own accounts hold."""
    shorts: float
    """What traders hold short, a positive number."""
    hours: int
    """Length of the interval."""


Policy = Callable[[Candidates, float], Floats]


MOST_IN_PROGRAMME = 300
"""Candidates of the integer programme: some seconds, and the time grows faster than their number."""
SCALES_APART = 1e6
"""How many times the smallest of its scales the largest may be in the integer programme."""
FAINT = 1e-30
"""A weight below this share of the largest is none: nothing could be divided by it."""
LEVERAGE_MOST = 1_000.0
"""Leverage of who has no equity left, and the most that counts of anybody's: near zero equity it is an artefact."""

# Water filling --------------------------------------------------------------------------------------------------------


def water_level(weights: Floats, caps: Floats, budget: float) -> float:
    """The level at which ``sum weights x min(level, caps)`` is the budget; the highest cap where it cannot be.

    Caps are sorted once; between two of them the sum is linear: n log n.
    """
    order = np.argsort(caps, kind="stable")
    levels = caps[order]
    still_open = np.cumsum(weights[order][::-1])[::-1]
    filled = np.cumsum(np.diff(levels, prepend=0.0) * still_open)
    at = int(np.searchsorted(filled, budget))
    if at == len(levels):
        return float(levels[-1]) if len(levels) else 0.0
    below, level = (float(filled[at - 1]), float(levels[at - 1])) if at else (0.0, 0.0)
    return level + (budget - below) / float(still_open[at]) if still_open[at] > 0 else level


def fill(weights: Floats, most: Floats, budget: float) -> Floats:
    """Amounts in proportion to weights, none beyond `most`, in sum the budget (or all of `most`).

    Who has no weight is asked only when all others are used up, and then in proportion to what can be taken.
    """
    budget = min(budget, float(most.sum()))
    largest = weights.max(initial=0.0)
    # Only their proportions count; beside the largest, what is to be taken over a weight cannot overflow.
    weights = weights / largest if largest > 0.0 else weights
    weighted = weights > FAINT
    found = np.zeros(len(most))
    if weighted.any():
        w, m = weights[weighted], most[weighted]
        found[weighted] = np.minimum(m, w * water_level(w, m / w, min(budget, float(m.sum()))))
    rest = budget - float(found.sum())
    if rest > 1e-12 * max(1.0, budget) and not weighted.all():
        others = most[~weighted]
        if others.sum() > 0:
            found[~weighted] = others * min(1.0, rest / float(others.sum()))
    return found


def in_lots(amounts: Floats, most: Floats, budget: int) -> Floats:
    """Whole lots near `amounts`, none beyond `most`, in sum the budget: rounded down, the rest to the largest fractions."""
    room = np.floor(most + 1e-9)
    whole = np.minimum(np.floor(amounts + 1e-9), room)
    order = np.argsort(-(amounts - whole), kind="stable")
    rest = round(min(budget, float(room.sum())) - float(whole.sum()))
    while rest > 0:
        chosen = order[whole[order] < room[order]][:rest]
        whole[chosen] += 1
        rest -= len(chosen)
    while rest < 0:
        # Amounts a hair too large in sum: back from the smallest fractions.
        back = order[::-1]
        chosen = back[whole[back] > 0][:-rest]
        whole[chosen] -= 1
        rest += len(chosen)
    return whole


# Scores ---------------------------------------------------------------------------------------------------------------


def venue_scores(venue: str, candidates: Candidates, side: int, maintenance: Any = None) -> Floats:
    """What a venue ranks these candidates by, all of one side (+1 long, -1 short), as its market does (ADL-1).

    "bitmex", "hyperliquid", "binance" (which needs the accounts' maintenance margins) or "bybit".
    """
    money = 1e6
    profit, equity, notional = candidates.profit * money, candidates.equity * money, candidates.notional * money
    cost = notional - side * profit
    kept = np.zeros(len(candidates)) if maintenance is None else np.asarray(maintenance, dtype=np.float64) * money
    columns: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "bitmex": (deleverage.bitmex_score, (profit, cost, notional, equity)),
        "hyperliquid": (
            deleverage.hyperliquid_score,
            (np.full(len(candidates), side), notional, cost, notional, equity),
        ),
        "binance": (deleverage.binance_score, (profit, kept, equity)),
        "bybit": (deleverage.bybit_score, (profit, equity)),
    }
    if venue not in columns:
        allowed = f"there is no score of '{venue}'; there are {', '.join(columns)}{nearest(venue, columns)}"
        raise Mistake("adl.score", "", venue, allowed)
    formula, values = columns[venue]
    plain = uncompiled(formula)
    return np.array([plain(*row) for row in zip(*(column.tolist() for column in values))], dtype=np.float64)


# Policies -------------------------------------------------------------------------------------------------------------


def _in_turn(candidates: Candidates, order: NDArray[np.intp], budget: float) -> Floats:
    """All of each in an order until the budget is met."""
    found = np.zeros(len(candidates))
    most = candidates.most[order]
    before = np.concatenate(([0.0], np.cumsum(most)[:-1])) if len(most) else most
    found[order] = np.clip(budget - before, 0.0, most)
    return found


def in_turn(policy: Policy) -> Policy:
    """Say of a policy that it works as a queue: it takes all of some, of one a part, of the others nothing (ADL-10).

    The market then closes one case after the other against them, each at its own price; else all have one common price.
    """
    policy.in_turn = True  # type: ignore[attr-defined]
    return policy


@in_turn
def queue(candidates: Candidates, budget: float) -> Floats:
    """The highest score first, all of it, then the next (Binance, BitMEX, Bybit, Hyperliquid: each with a score of its own).

    Who has no profit comes after who has; equal scores keep the order in which they stand.
    """
    return _in_turn(candidates, np.lexsort((-candidates.score, candidates.profit <= 0)), budget)


@in_turn
def unranked(candidates: Candidates, budget: float) -> Floats:
    """All of each in the order in which they stand (dYdX v4: iteration over opposite positions)."""
    return _in_turn(candidates, np.arange(len(candidates)), budget)


def contract_pro_rata(candidates: Candidates, budget: float) -> Floats:
    """In proportion to the size of positions."""
    return fill(candidates.room, candidates.most, budget)


def contract_pro_rata_down(candidates: Candidates, budget: float) -> Floats:
    """The same in whole contracts, each rounded down: it falls short of the budget and never goes beyond."""
    return np.floor(contract_pro_rata(candidates, budget) + 1e-9)


def wealth_pro_rata(candidates: Candidates, budget: float) -> Floats:
    """In proportion to profit; who has none is asked last."""
    return fill(np.maximum(candidates.profit, 0.0), candidates.most, budget)


def capped_pro_rata(candidates: Candidates, budget: float) -> Floats:
    """The same share of everybody's room, up to everybody's cap, by water filling.

    The only rule that splitting an account does not change, that scales, and that never takes less from who has more.
    """
    return candidates.room * np.minimum(candidates.cap, _share_level(candidates, budget))


def _share_level(candidates: Candidates, budget: float) -> float:
    return water_level(candidates.room, candidates.cap, min(budget, float(candidates.most.sum())))


def risk_aware_by(g: Callable[[Floats], Floats]) -> Policy:
    """Shares that grow with leverage as leverage x g(leverage), up to everybody's cap, by water filling (RAP)."""

    def risk_aware_policy(candidates: Candidates, budget: float) -> Floats:
        leverage = candidates.leverage
        return fill(candidates.room * leverage * g(leverage), candidates.most, budget)

    return risk_aware_policy


risk_aware: Policy = risk_aware_by(lambda leverage: leverage)
risk_aware.__doc__ = "Risk-aware with g(leverage) = leverage: shares grow with leverage squared."


def min_max_fair(candidates: Candidates, budget: float) -> Floats:
    """Whole contracts whose largest share per equity is as small as can be: an integer programme, as a reference offline.

    Minimises the largest (taken / room) / equity. Who has no equity left is asked last, by size. Slow: scipy.optimize.milp, so no
    more than MOST_IN_PROGRAMME candidates.
    """
    alive = (candidates.equity > 0) & (candidates.room > 0)
    most = np.floor(candidates.most + 1e-9)
    wanted = min(round(budget), round(float(most.sum())))
    found = np.zeros(len(candidates))
    if wanted <= 0:
        return found
    if len(candidates) > MOST_IN_PROGRAMME:
        raise PolicyError("min-max fair", f"is for {MOST_IN_PROGRAMME} candidates at most, as a reference; there are {len(candidates):,}")  # fmt: skip
    first = min(wanted, round(float(most[alive].sum())))
    if first > 0:
        scale = candidates.room[alive] * candidates.equity[alive]
        # Where scales are too far apart for a solver's tolerances, levels are counted instead.
        solved = _programme(scale, most[alive], first) if scale.max() < SCALES_APART * scale.min() else None
        found[alive] = _counted(scale, most[alive], first) if solved is None else solved
    if wanted > first:
        last = most[~alive]
        found[~alive] = in_lots(fill(last, last, wanted - first), last, wanted - first)
    return found


def _programme(scale: Floats, most: Floats, wanted: int) -> Floats | None:
    """Whole x up to `most` with this sum whose largest x / scale is smallest, by an integer programme; None where it finds none."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csc_array, eye_array, hstack

    count = len(scale)
    unit = float(scale.mean())
    # x_i <= z x scale_i / unit for everybody, sum x = wanted, z as small as can be.
    rows = hstack([eye_array(count, format="csc"), csc_array(-(scale / unit).reshape(-1, 1))], format="csc")
    total = np.append(np.ones(count), 0.0).reshape(1, -1)
    solved = milp(
        np.append(np.zeros(count), 1.0),
        integrality=np.append(np.ones(count), 0.0),
        bounds=Bounds(np.zeros(count + 1), np.append(most, np.inf)),
        constraints=[LinearConstraint(rows, -np.inf, 0.0), LinearConstraint(total, wanted, wanted)],
    )
    if solved.x is None:
        return None
    found: Floats = np.round(solved.x[:count])
    return found if found.sum() == wanted and (found <= most).all() else None


def _counted(scale: Floats, most: Floats, wanted: int) -> Floats:
    """The same by the lowest level z at which everybody's whole part of z x scale is enough, less what is too much at the top."""
    low, high = 0.0, float((most / scale).max())
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if np.minimum(most, np.floor(middle * scale)).sum() >= wanted else (middle, high)
    found = np.minimum(most, np.floor(high * scale * (1 + 1e-12)))
    while found.sum() > wanted:
        found[np.argmax(found / scale)] -= 1
    while found.sum() < wanted:
        found[np.argmin(np.where(found < most, (found + 1) / scale, np.inf))] += 1
    return found


def hedge_aware(candidates: Candidates, budget: float) -> Floats:
    """An account's legs are netted first: what is no hedge is cut, the same share of everybody's, and hedges only after it."""
    offset = np.clip(candidates.offset, 0.0, candidates.room)
    bare = np.minimum(candidates.room - offset, candidates.most)
    first = fill(bare, bare, budget)
    rest = max(0.0, budget - float(first.sum()))
    return first + fill(offset, candidates.most - bare, rest)


POLICIES: Mapping[str, Policy] = {
    "queue": queue,
    "unranked": unranked,
    "contract-pro-rata": contract_pro_rata,
    "wealth-pro-rata": wealth_pro_rata,
    "capped-pro-rata": capped_pro_rata,
    "risk-aware": risk_aware,
    "min-max-fair": min_max_fair,
    "hedge-aware": hedge_aware,
}
"""What a rulebook may name."""


def policy(name: str) -> Policy:
    """A built-in policy by name; :class:`~offhours.sim.mistake.Mistake` with the nearest one otherwise."""
    if name not in POLICIES:
        allowed = f"there is no policy '{name}'; there are {', '.join(POLICIES)}{nearest(name, POLICIES)}"
        raise Mistake("adl.policy", "", name, allowed)
    return POLICIES[name]
