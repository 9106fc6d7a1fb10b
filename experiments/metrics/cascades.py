"""How liquidations spread: waves, who was forced by whose price impact, and what auto-deleverage took from whom.

**Who forced whom.** A case is an account's liquidation from its opening to its end. Forced trades with less than a pause
(five seconds) between them are one wave. A case was *forced by others* where

1. others' forced trades of the same ticker and side came before it in its wave, and
2. its mark when it opened was beyond the mark when the case of the first of them did;
3. and where the same luck was also run without liquidations, to that share of the move from the one mark to the other by
   which it had gone further than the mark there went until an hour later: who is liquidated a little sooner is not forced.

What is not forced is *news*. The forcing is shared among the trades of rule 1 by their dollars. Without the run of rule 3
everything that moved the mark within a wave counts as forced, and the branching ratio is an upper bound.

The path is read from what moved beyond the first of the trades (with rule 3: beyond the market without liquidations): the
index, through the token book; or the mark's distance from the index, through the perp book.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.sim.market import clock
from offhours.sim.market.liquidation import OPENED
from offhours.sim.market.waterfall import DELEVERAGED

if TYPE_CHECKING:
    import networkx

Array = np.ndarray[Any, Any]

PAUSE_US = 5 * clock.SECOND_US
"""Forced trades further apart than this belong to two waves (the pause of published tables of 10 October 2025)."""
AHEAD_US = clock.HOUR_US
"""Who would have been liquidated by the news within this time was not forced."""
APART_US = clock.MINUTE_US
"""Where no table of cases was recorded, trades of an account further apart than this are two cases."""

CASES = np.dtype(
    [("time_us", "i8"), ("end_us", "i8"), ("account", "i8"), ("ticker", "i8"), ("side", "i8"), ("mark_usd", "f8"), ("index_usd", "f8"), ("value_uusd", "i8")]
)  # fmt: skip
"""A case: opening and last trade, whose, its heaviest ticker, the side taken apart (1 long), mark and index (NaN where not
recorded) when it opened, dollars closed."""


def acts_of(liquidations: Array) -> Array:
    """The rows of a liquidation table that closed something, by time."""
    acts = liquidations[(liquidations["ticker"] >= 0) & (liquidations["lots"] != 0)]
    return np.asarray(acts[np.argsort(acts["time_us"], kind="stable")])


def wave_numbers(times_us: Array, pause_us: int = PAUSE_US) -> Array:
    """The wave that each of some rising instants belongs to, from 0."""
    if len(times_us) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.concatenate(([0], np.cumsum(np.diff(times_us) > pause_us)))


def cases_of(acts: Array, events: Array | None, tick_usd: Array) -> Array:
    """Cases in the order of their opening, from the table of cases where there is one, else from the forced trades.

    `acts` are those of :func:`acts_of`; `tick_usd` is that of each ticker's perp.
    """
    found: list[tuple[Any, ...]] = []
    openings: dict[int, Array] = {}
    if events is not None and len(events):
        openings = {int(own["account"][0]): own for own in _by_account(events[events["event"] == OPENED])}
    nobody = None if events is None else events[:0]
    for own in _by_account(acts):
        if nobody is None or not openings:
            parts = np.split(own, np.flatnonzero(np.diff(own["time_us"]) > APART_US) + 1)
            for part in parts:
                mark_usd = part["mark_ticks"][0] * tick_usd[part["ticker"][0]]
                found.append(_case(int(part["time_us"][0]), part, int(part["ticker"][0]), float(mark_usd), np.nan))
            continue
        opened = openings.get(int(own["account"][0]), nobody)
        begins = np.searchsorted(own["time_us"], opened["time_us"])
        for row, part in zip(opened, np.split(own, begins)[1:]):
            if len(part):
                ticker = int(row["ticker"])
                index_usd = float(row["index_ticks"] * tick_usd[ticker]) if row["index_ticks"] > 0 else np.nan
                found.append(_case(int(row["time_us"]), part, ticker, float(row["mark_ticks"] * tick_usd[ticker]), index_usd))  # fmt: skip
    return np.sort(np.array(found, dtype=CASES), order=["time_us", "account"])


def _by_account(rows: Array) -> list[Array]:
    """Rows of each account, in their order."""
    ordered = rows[np.argsort(rows["account"], kind="stable")]
    edges = [0, *(np.flatnonzero(np.diff(ordered["account"])) + 1).tolist(), len(ordered)]
    return [ordered[a:b] for a, b in pairwise(edges) if b > a]


def _case(time_us: int, acts: Array, ticker: int, mark_usd: float, index_usd: float) -> tuple[Any, ...]:
    own = acts[acts["ticker"] == ticker]
    side = 1 if (own if len(own) else acts)["lots"][0] > 0 else -1
    value_uusd = int(np.abs(acts["value_uusd"]).sum())
    return time_us, int(acts["time_us"][-1]), int(acts["account"][0]), ticker, side, mark_usd, index_usd, value_uusd


# Who forced whom -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Path:
    """A ticker's marks and indices at rising instants, dollars."""

    time_us: Array
    mark_usd: Array
    index_usd: Array

    def worst(self, time_us: int, side: int) -> tuple[float, float]:
        """The worst mark for a side (1: longs) from the minute before an instant until AHEAD_US later, and its index."""
        first = max(0, int(np.searchsorted(self.time_us, time_us)) - 1)
        last = max(first + 1, int(np.searchsorted(self.time_us, time_us + AHEAD_US, side="right")))
        place = first + int(np.argmin(side * self.mark_usd[first:last]))
        return float(self.mark_usd[place]), float(self.index_usd[place])


@dataclass(frozen=True)
class Forcing:
    """What the rule at the head of this file says of each case."""

    forced: Array
    """To which share it was forced by others, 0 to 1."""
    wave: Array
    """The wave it opened in."""
    token_share: Array
    """Share of what forced it that came through the index; NaN where not known or not forced."""
    beside_calm: bool
    """Whether rule 3 could be applied; without it the ratio is an upper bound."""

    @property
    def ratio(self) -> float | None:
        """Branching ratio: the mean share, which is how many cases a case forces on average. None without cases."""
        return float(self.forced.mean()) if len(self.forced) else None

    @property
    def standard_error(self) -> float | None:
        """Of the ratio n over R cascades of Borel's law: sqrt(n (1 - n) / R). None without cases."""
        n, roots = self.ratio, float((1.0 - self.forced).sum())
        return None if n is None or roots == 0.0 else float(np.sqrt(n * (1 - n) / roots))


def force(cases: Array, acts: Array, calm: Mapping[int, Path] | None = None) -> Forcing:
    """Apply the rule of this file's head. `calm` holds each ticker's path on the same luck without liquidations."""
    waves = wave_numbers(acts["time_us"])
    wave = wave_at(acts["time_us"], waves, cases["time_us"])
    forced, share = np.zeros(len(cases)), np.full(len(cases), np.nan)
    places = _places(acts, waves)
    marks = _first_marks(cases, acts)
    for number, case in enumerate(cases):
        time_us, side = int(case["time_us"]), int(case["side"])
        rows = _before(acts, places, case, int(wave[number]))
        others = (marks(row) for row in rows if acts["account"][row] != case["account"])
        from_usd, index_usd = next(filter(None, others), (np.nan, np.nan))
        moved = side * (from_usd - case["mark_usd"])
        if not moved > 0:
            continue
        beyond_usd = from_usd
        if calm is not None:
            beyond_usd, index_usd = calm[int(case["ticker"])].worst(time_us, side)
        forced[number] = min(1.0, max(0.0, side * (beyond_usd - case["mark_usd"]) / moved))
        if forced[number] == 0.0:
            continue
        token = max(0.0, side * (index_usd - case["index_usd"]))
        perp = max(0.0, side * ((beyond_usd - index_usd) - (case["mark_usd"] - case["index_usd"])))
        share[number] = token / (token + perp) if token + perp > 0 else np.nan
    return Forcing(forced, wave, share, calm is not None)


def wave_at(times_us: Array, waves: Array, at_us: Array) -> Array:
    """The wave that is still going on at some instants, or the one that begins next; -1 where there is neither."""
    if len(times_us) == 0:
        return np.full(len(at_us), -1, dtype=np.int64)
    after = np.searchsorted(times_us, at_us)
    before = np.maximum(after - 1, 0)
    going_on = (after > 0) & ((at_us - times_us[before] <= PAUSE_US) | (after == len(times_us)))
    return np.asarray(np.where(going_on, waves[before], waves[np.minimum(after, len(times_us) - 1)]))


def _places(acts: Array, waves: Array) -> dict[tuple[int, int, int], Array]:
    """Rows of forced trades by ticker, side and wave."""
    found: dict[tuple[int, int, int], list[int]] = {}
    for row, (ticker, side, wave) in enumerate(zip(acts["ticker"], np.sign(acts["lots"]), waves)):
        found.setdefault((int(ticker), int(side), int(wave)), []).append(row)
    return {key: np.array(rows) for key, rows in found.items()}


def _before(acts: Array, places: Mapping[tuple[int, int, int], Array], case: Array, wave: int) -> Array:
    """Rows of forced trades of a case's ticker and side before it in its wave; its own may be among them (rule 1)."""
    rows = places.get((int(case["ticker"]), int(case["side"]), wave))
    if rows is None:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(rows[: bisect_left(rows, case["time_us"], key=lambda row: acts["time_us"][row])])


def _first_marks(cases: Array, acts: Array) -> Callable[[int], tuple[float, float] | None]:
    """Mark and index when the case of a forced trade opened; None where that was before the measured time."""
    of_account: dict[int, list[int]] = {}
    for number, account in enumerate(cases["account"]):
        of_account.setdefault(int(account), []).append(number)

    def marks(row: int) -> tuple[float, float] | None:
        own = [n for n in of_account.get(int(acts["account"][row]), ()) if cases["time_us"][n] <= acts["time_us"][row]]
        return (float(cases["mark_usd"][own[-1]]), float(cases["index_usd"][own[-1]])) if own else None

    return marks


def branching(forcing: Forcing, repair_share: float | None = None) -> dict[str, Any]:
    """Branching ratio with its standard error, by path, as it stands in a summary.

    `repair_share` is the share of repair orders in the dollars that forced and repair orders traded together: what a broken
    hedge's repair moved is taken out of both books' shares by it. Paths are null where the index was not recorded.
    """
    ratio, found = forcing.ratio, np.isfinite(forcing.token_share)
    known, weight = forcing.token_share[found], forcing.forced[found]
    by_path: dict[str, float | None] = {"perp book": None, "token book": None, "broken hedge": None}
    if ratio is not None and (len(known) or ratio == 0.0):
        token = float(known @ weight / weight.sum()) if len(known) else 0.0
        hedge = repair_share or 0.0
        own = ratio * (1.0 - hedge)
        by_path = {
            "perp book": own * (1.0 - token),
            "token book": own * token,
            "broken hedge": None if repair_share is None else ratio * hedge,
        }
    return {
        "cases": len(forcing.forced),
        "forced": float(forcing.forced.sum()),
        "ratio": ratio,
        "standard_error": forcing.standard_error,
        "by_path": by_path,
        "beside_calm": forcing.beside_calm,
    }


def waves_table(acts: Array, cases: Array, cuts: Array | None = None) -> list[dict[str, Any]]:
    """Each wave: when, how long, cases, accounts, dollars liquidated, dollars of winners closed by ADL (None: no such table)."""
    numbers = wave_numbers(acts["time_us"])
    opened = wave_at(acts["time_us"], numbers, cases["time_us"])
    found = []
    for wave in range(int(numbers[-1]) + 1 if len(numbers) else 0):
        own = acts[numbers == wave]
        first_us, last_us = int(own["time_us"][0]), int(own["time_us"][-1])
        closed = None
        if cuts is not None:
            inside = (cuts["time_us"] >= first_us) & (cuts["time_us"] <= last_us + PAUSE_US)
            closed = int(np.abs(cuts["value_uusd"][inside]).sum()) / 1e6
        found.append(
            {
                "first_us": first_us,
                "seconds": (last_us - first_us) / 1e6,
                "cases": int((opened == wave).sum()),
                "accounts": len(np.unique(own["account"])),
                "liquidated_usd": int(np.abs(own["value_uusd"]).sum()) / 1e6,
                "adl_usd": closed,
            }
        )
    return found


def contagion(cases: Array, acts: Array, tickers: int) -> Array:
    """Dollars closed in each ticker (column) by cases whose heaviest ticker was another (row), or the same (diagonal)."""
    found = np.zeros((tickers, tickers))
    begins: dict[int, list[tuple[int, int]]] = {}
    for case in cases:
        begins.setdefault(int(case["account"]), []).append((int(case["time_us"]), int(case["ticker"])))
    for act in acts:
        own = [ticker for time_us, ticker in begins.get(int(act["account"]), ()) if time_us <= act["time_us"]]
        if own:
            found[own[-1], int(act["ticker"])] += abs(int(act["value_uusd"])) / 1e6
    return found


def spread_share(matrix: Array) -> float | None:
    """Share of liquidated dollars that were not in the heaviest ticker of their account. None where there were none."""
    total = float(matrix.sum())
    return None if total == 0.0 else 1.0 - float(np.trace(matrix)) / total


DOMINOES_US = 4 * clock.HOUR_US
"""How long after news it is watched what liquidations did."""


def dominoes(after_us: Array, moved_pct: Array, calm_pct: Array) -> dict[str, float] | None:
    """What news and what liquidations had done to the mark when it was furthest from where it stood before.

    Instants are told from the news; both paths in percent of the price before it: as it was, and on the same luck
    without liquidations. What was given back is told at the end of what was watched; where both were furthest apart is told, too.
    None below two minutes of it.
    """
    inside = (after_us >= 0) & (after_us <= DOMINOES_US)
    if inside.sum() < 2:
        return None
    after, moved, calm = after_us[inside], moved_pct[inside], calm_pct[inside]
    apart, furthest = moved - calm, int(np.argmax(np.abs(moved)))
    way = 1.0 if apart[furthest] >= 0 else -1.0
    widest = int(np.argmax(np.abs(apart)))
    return {
        "news_pct": float(calm[furthest]),
        "liquidations_pct": float(apart[furthest]),
        "after_minutes": float(after[furthest] / clock.MINUTE_US),
        "gave_back_pct": float(way * (apart[furthest] - apart[-1])),
        "gave_back_hours": float((after[-1] - after[furthest]) / clock.HOUR_US),
        "most_apart_pct": float(apart[widest]),
        "most_apart_minutes": float(after[widest] / clock.MINUTE_US),
    }


# The cascade as a graph ----------------------------------------------------------------------------------------------


def pushed(cases: Array, acts: Array, forcing: Forcing, wave: int, most: int = 40) -> list[int]:
    """The cases of a wave that others forced most, by dollars, and those whose forced trades did most of it; half and half.

    Where fewer were forced, the largest others fill the places.
    """
    inside = np.flatnonzero(forcing.wave == wave)
    weight = forcing.forced * cases["value_uusd"]
    chosen = [int(n) for n in inside[np.argsort(-weight[inside], kind="stable")] if weight[n] > 0][: most // 2]
    did: dict[int, float] = {}
    for number in chosen:
        for pusher, share in _pushers(cases, acts, forcing, number).items():
            did[pusher] = did.get(pusher, 0.0) + share * float(weight[number])
    others = sorted((n for n in did if n not in chosen), key=lambda n: -did[n])
    others += [int(n) for n in inside[np.argsort(-cases["value_uusd"][inside], kind="stable")]]
    return sorted(list(dict.fromkeys((*chosen, *others)))[:most])


def _pushers(cases: Array, acts: Array, forcing: Forcing, number: int) -> dict[int, float]:
    """The cases whose forced trades came before a forced one in its wave, with their share of those dollars (rule 1)."""
    case, wave = cases[number], int(forcing.wave[number])
    same = (acts["ticker"] == case["ticker"]) & (np.sign(acts["lots"]) == case["side"]) & (acts["time_us"] < case["time_us"])  # fmt: skip
    rows = np.flatnonzero(same & (acts["account"] != case["account"]) & (wave_numbers(acts["time_us"]) == wave))
    value = np.abs(acts["value_uusd"][rows]).astype(float)
    found: dict[int, float] = {}
    for row, part in zip(rows, value / max(1.0, float(value.sum()))):
        own = np.flatnonzero((cases["account"] == acts["account"][row]) & (cases["time_us"] <= acts["time_us"][row]))
        if len(own):
            found[int(own[-1])] = found.get(int(own[-1]), 0.0) + float(part)
    return found


def graph(
    cases: Array,
    acts: Array,
    forcing: Forcing,
    most: int = 60,
    wave: int | None = None,
    of: Sequence[int] | None = None,
) -> networkx.DiGraph:
    """Who was forced by whose price impact: the largest cases (of one wave), or those given, and an edge from each that forced another.

    A node is a case's number, with its row's fields and `forced`; an edge has `share`, the forcing case's part in the dollars
    that came before. Parts of cases that are not drawn are left out, so that shares into a node sum to at most one.
    """
    import networkx

    order = np.argsort(-cases["value_uusd"], kind="stable")
    largest = np.sort((order if wave is None else order[forcing.wave[order] == wave])[:most] if of is None else np.array(of))  # fmt: skip
    found = networkx.DiGraph()
    accounts: dict[int, list[int]] = {}
    for number in largest:
        case = cases[number]
        fields = {name: case[name].item() for name in CASES.names or ()}
        found.add_node(int(number), forced=float(forcing.forced[number]), **fields)
        accounts.setdefault(int(case["account"]), []).append(int(number))
    places = _places(acts, wave_numbers(acts["time_us"]))
    for number in largest[forcing.forced[largest] > 0]:
        rows = _before(acts, places, cases[number], int(forcing.wave[number]))
        rows = rows[acts["account"][rows] != cases["account"][number]]
        value = np.abs(acts["value_uusd"][rows]).astype(float)
        for row, part in zip(rows, value / value.sum()):
            own = [
                n for n in accounts.get(int(acts["account"][row]), ()) if cases["time_us"][n] <= acts["time_us"][row]
            ]
            if own:
                before = found.get_edge_data(own[-1], int(number), {"share": 0.0})["share"]
                found.add_edge(own[-1], int(number), share=before + float(part))
    return found


# Auto-deleverage -----------------------------------------------------------------------------------------------------


BURST_US = clock.MINUTE_US
"""A burst of liquidations is over when none came for so long."""


def first_after_s(acts: Array, cuts: Array) -> tuple[float, int, float] | None:
    """Seconds from the first liquidation to the first ADL, how many forced trades came before it, and the seconds from the
    first liquidation of the burst that it came in. None without ADL."""
    if len(acts) == 0 or len(cuts) == 0:
        return None
    at_us = int(cuts["time_us"].min())
    before = acts["time_us"][acts["time_us"] <= at_us]
    pauses = np.flatnonzero(np.diff(before) > BURST_US)
    first_us = int(before[int(pauses[-1]) + 1 if len(pauses) else 0]) if len(before) else at_us
    return (at_us - int(acts["time_us"][0])) / 1e6, int((acts["time_us"] < at_us).sum()), (at_us - first_us) / 1e6


def gini(values: Array) -> float | None:
    """Gini coefficient of what each of several accounts lost: 0 all the same, near 1 one has it all. None without any."""
    ordered = np.sort(np.asarray(values, dtype=float))
    n, total = len(ordered), float(ordered.sum())
    if n == 0 or total <= 0:
        return None
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def of_hedges(cuts: Array) -> Array:
    """Whether each cut took a leg of a hedge: its account held tokens of the ticker the other way."""
    return np.asarray(np.sign(cuts["lots"]) * np.sign(cuts["token_ushares"]) < 0)


def taken_uusd(cuts: Array, unit_uusd: Array) -> Array:
    """What each cut took at the mark: dollars between the mark and its price, to the reduced account's loss (micro).

    0 where the price was the better one for it, as it is when the account in liquidation had equity left.
    """
    at_mark = cuts["lots"] * cuts["mark_ticks"] * unit_uusd[cuts["ticker"]]
    return np.asarray(np.maximum(0, np.sign(cuts["lots"]) * (np.abs(at_mark) - np.abs(cuts["value_uusd"]))))


def needed_uusd(liquidations: Array, cuts: Array) -> dict[int, int]:
    """Deficit that ADL had to meet, by liquidated account: its negative equity when the first of its cuts came (micro).

    Under -1, those of all accounts that were handed to ADL at the instants of cuts that several shared.
    """
    handed = liquidations[(liquidations["stage"] == DELEVERAGED) & (liquidations["ticker"] >= 0)]
    found: dict[int, int] = {}
    for account in np.unique(cuts["for_account"]):
        times = np.unique(cuts["time_us"][cuts["for_account"] == account])
        own = handed[np.isin(handed["time_us"], times) if account < 0 else handed["account"] == account]
        firsts = np.unique(own["account"], return_index=True)[1]
        found[int(account)] = int(np.maximum(0, -own["equity_uusd"][firsts]).sum())
    return found


def deleveraging(liquidations: Array, cuts: Array, unit_uusd: Array) -> dict[str, Any] | None:
    """What ADL took, from how few, and against which need. None where nobody was reduced.

    PTSR and PMR are those of Chitra (arXiv 2512.01112): the largest profit that is left to a winner over what was taken, and
    over the part of the largest deficit that was met, per wave, and of these the mean. Profits of winners that no cut reached
    are not recorded, so both are taken over those that were cut. Overshoot is what was taken at the mark less the deficits.
    Leverage (notionals of all positions over equity) and profit are those of each reduced account before its first cut.
    """
    if len(cuts) == 0:
        return None
    taken = taken_uusd(cuts, unit_uusd)
    needed = needed_uusd(liquidations, cuts)
    size = np.abs(cuts["lots"] * cuts["mark_ticks"] * unit_uusd[cuts["ticker"]])
    share = size / np.maximum(1, cuts["notional_uusd"])
    by_account = np.bincount(np.unique(cuts["account"], return_inverse=True)[1], weights=np.abs(cuts["value_uusd"]))
    hedged = of_hedges(cuts)
    order = np.argsort(cuts["time_us"], kind="stable")
    cuts, taken = cuts[order], taken[order]
    waves = wave_numbers(cuts["time_us"])
    ptsr: list[float] = []
    pmr: list[float] = []
    seen: set[int] = set()
    for wave in range(int(waves[-1]) + 1):
        inside = waves == wave
        met = float(taken[inside].sum())
        left = np.maximum(0, np.maximum(0, cuts["profit_uusd"][inside]) - taken[inside]).max()
        deficits = [needed[int(a)] for a in np.unique(cuts["for_account"][inside]) if int(a) not in seen]
        seen |= {int(a) for a in np.unique(cuts["for_account"][inside])}
        if met > 0:
            ptsr.append(float(left) / met)
            if sum(deficits) > 0:
                pmr.append(float(left) / (met / sum(deficits) * max(deficits)))
    whole_need, whole_taken = sum(needed.values()), int(taken.sum())
    first = cuts[np.unique(cuts["account"], return_index=True)[1]]
    return {
        "waves": int(waves[-1]) + 1,
        "largest_cut": float(share.max()),
        "gini": gini(by_account),
        "median_leverage": float(np.median(first["gross_uusd"] / np.maximum(1, first["equity_uusd"]))),
        "in_profit": float((first["profit_uusd"] > 0).mean()),
        "top_share": float(by_account.max() / by_account.sum()) if by_account.sum() else None,
        "ptsr": float(np.mean(ptsr)) if ptsr else None,
        "pmr": float(np.mean(pmr)) if pmr else None,
        "needed_usd": whole_need / 1e6,
        "taken_usd": whole_taken / 1e6,
        "overshoot_usd": (whole_taken - whole_need) / 1e6,
        "hedges_broken": len(np.unique(cuts["account"][hedged[order]])),
        "hedges_broken_usd": int(np.abs(cuts["value_uusd"][hedged[order]]).sum()) / 1e6,
    }
