"""Liquidators: an edge that widens, room that capital sets, a way out of what they took, and when they leave."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from offhours.agents import desk, liquidator
from offhours.sim.market import accounts, liquidation, matching, providers, waterfall
from plain import peopled as p

PRICE = 400.0
MAKER = p.deep_maker('perp = "$50M"')
ONE = """
[[group]]
name = "liquidator"
population = "liquidator"
count = 1
latency = "5 ms"
endowment = { usd = "$500,000", broker_usd = "$400,000", shares = "$400,000" }
"""


def one(when: str = p.TUESDAY, until: str = "2026-05-05 11:00", changes: Any = None) -> Any:
    """A maker, and a liquidator who has looked."""
    of = p.scenario(when, MAKER, ONE, changes={"perp.oracle.pinned": "true", **(changes or {})})
    sim = p.given_price(of, PRICE)
    p.go_to(sim, until)
    assert state(sim)["looked"] == 1
    return sim


def state(sim: Any) -> Any:
    return p.knobs(sim, "liquidator", 1)[0]


def account_of(sim: Any) -> int:
    return int(p.members(sim, 1)["account"][0])


def offered(sim: Any) -> tuple[float, float]:
    """Edge (a share; negative for none) and room (dollars) of the standing offer."""
    edge = providers.offered_edge(sim.world, account_of(sim), 0)
    return edge / 1e9, providers.offered_room(sim.world, account_of(sim), 0) / 1e6


def give(sim: Any, usd: float) -> None:
    """A position comes to him without an order of his own: bought for him from the maker, or sold."""
    shares = usd / desk.mark_usd(sim.world, 0)
    lots = desk.lots(sim.world, 0, desk.PERP, abs(shares))
    left = lots
    while left > 0:
        before = p.lots(sim, 1)[0]
        side = desk.BUY if usd > 0 else desk.SELL
        sim.place(account_of(sim), 0, side, 0, min(left, 20_000), desk.MARKET, matching.ENGINE)
        left -= abs(int(p.lots(sim, 1)[0] - before))
        p.go(sim, 3 * p.SECOND)


def held_usd(sim: Any) -> float:
    return float(p.lots(sim, 1)[0] * desk.lot_shares(sim.world, 0, desk.PERP) * desk.mark_usd(sim.world, 0))


def shares(sim: Any) -> float:
    return p.owned(sim, account_of(sim), accounts.share_asset(0)) / 1e6


def test_in_hours_and_empty_he_asks_his_ordinary_edge_for_what_his_equity_carries() -> None:
    sim = one()
    assert offered(sim) == (pytest.approx(0.008), pytest.approx(1_000_000))
    assert state(sim)["full_looks"] == 0 < state(sim)["looks"]


def test_while_the_stock_sleeps_his_edge_widens_with_what_may_have_happened() -> None:
    sim = one(p.FRIDAY, "2026-05-08 15:59")
    edges = {}
    for when in ("2026-05-08 15:59", "2026-05-09 12:00", "2026-05-10 12:00", "2026-05-11 10:30"):
        p.go_to(sim, when)
        sd = sqrt(desk.news_variance(sim.world, 0))
        edges[when] = offered(sim)[0]
        assert edges[when] == pytest.approx(min(0.025, 0.008 + 0.5 * sd), rel=0.01)
    friday, saturday, sunday, monday = edges.values()
    assert friday == monday == pytest.approx(0.008)
    assert 0.01 < saturday < sunday <= 0.025


def test_the_fuller_he_is_the_more_he_asks_and_the_less_he_takes() -> None:
    """Half a million of the million that he carries: half full, so half as much again. He trades none of it out here."""
    sim = one(p.FRIDAY, "2026-05-08 15:59", {"group.liquidator.give": "0", "group.liquidator.hedges": "false"})
    empty = offered(sim)
    give(sim, 500_000)
    p.go(sim, 30 * p.SECOND)
    equity = desk.equity_usd(sim.world, sim.blocks[1].handle, 1)
    full = held_usd(sim) / (2 * equity)
    assert 0.4 < full < 0.6
    assert offered(sim)[0] == pytest.approx(empty[0] * (1 + full), rel=0.01)
    assert offered(sim)[1] == pytest.approx(2 * equity - held_usd(sim), rel=0.01)
    assert state(sim)["fullest"] == pytest.approx(full, rel=0.01)


@pytest.mark.parametrize("side", [1, -1])
def test_he_trades_out_of_what_he_took_clip_by_clip(side: int) -> None:
    sim = one(changes={"group.liquidator.hedges": "false"})
    give(sim, side * 200_000)
    taken = held_usd(sim)
    p.go(sim, 2 * p.MINUTE)
    rows = p.fills(sim)
    own = rows[(rows["seller" if side > 0 else "buyer"] == account_of(sim)) & (rows["aggressor"] == -side)]
    assert len(own) > 0
    largest = own["size_lots"].max() * desk.lot_shares(sim.world, 0, desk.PERP) * PRICE
    assert largest <= 10_100, "a clip at a look"
    assert abs(held_usd(sim)) < 0.5 * abs(taken)
    p.go(sim, 10 * p.MINUTE)
    assert abs(held_usd(sim)) < 10.0, "all of it, in the end"


def test_he_gives_back_no_more_than_a_part_of_his_edge() -> None:
    """A book whose half-spread is 1 %: half his edge of 0.8 % does not reach it, twice his edge does."""
    for part, sells in (("0.5", False), ("2", True)):
        changes = {"group.liquidator.hedges": "false", "group.liquidator.give": part, "group.maker.half_spread": "1 %"}
        sim = one(changes=changes)
        give(sim, 100_000)
        taken = held_usd(sim)
        p.go(sim, 5 * p.MINUTE)
        assert (held_usd(sim) < 0.5 * taken) == sells


def test_while_the_stock_is_open_he_hedges_there_and_off_hours_he_cannot() -> None:
    sim = one(p.FRIDAY, "2026-05-09 12:00", {"group.liquidator.give": "0"})
    began = shares(sim)
    give(sim, 300_000)
    p.go(sim, 10 * p.MINUTE)
    assert shares(sim) == began
    p.go_to(sim, "2026-05-11 04:02")
    assert (began - shares(sim)) * PRICE == pytest.approx(held_usd(sim), rel=0.02)
    give(sim, -600_000)
    p.go(sim, 10 * p.MINUTE)
    assert (began - shares(sim)) * PRICE == pytest.approx(held_usd(sim), rel=0.02)
    assert held_usd(sim) < -200_000
    assert sim.conservation_error() == 0


def test_hurt_he_withdraws_and_is_back_after_a_pause_with_fresh_capital() -> None:
    """$800,000 long of half a million: 15 % down costs $120,000, more than the fifth that he bears."""
    changes = {"group.liquidator.give": "0", "group.liquidator.hedges": "false", "group.liquidator.pause": "6 h"}
    changes["group.liquidator.endowment.broker_usd"] = "0"
    sim = one(p.FRIDAY, "2026-05-08 16:30", changes)
    give(sim, 800_000)
    p.put_price(sim, 0.9 * PRICE)
    p.go(sim, p.MINUTE)
    assert state(sim)["withdrawals"] == 0 and offered(sim)[0] > 0, "a sixth he bears"
    p.put_price(sim, 0.85 * PRICE)
    p.go(sim, p.MINUTE)
    assert state(sim)["withdrawals"] == 1
    assert offered(sim) == (pytest.approx(-1e-9), 0.0)
    p.go(sim, 5 * p.HOUR)
    assert offered(sim)[0] < 0
    assert state(sim)["worst_usd"] == pytest.approx(0.76 * 500_000, rel=0.05)
    p.go(sim, 2 * p.HOUR)
    assert offered(sim)[0] > 0
    assert liquidator.capital_usd(sim.world, sim.blocks[1].handle, 1, 0) == pytest.approx(
        state(sim)["began_usd"], rel=0.02
    )
    assert state(sim)["withdrawals"] == 1
    assert p.flow(sim, 1, accounts.DEPOSIT) > 100_000
    assert sim.conservation_error() == 0


CROWD = """
[[group]]
name = "liquidators"
population = "liquidator"
count = 4
latency = "5 ms"
give = 0
hedges = "no"
pause = "10 days"
endowment = { usd = "$400,000" }
"""


def second_crash(hurt: str) -> tuple[int, float, dict[int, float]]:
    """Two crashes in hours of a market with few makers and 20x retail: 6 %, 5 % more, and 7 % a day later.

    Liquidators who withdrew, the end of what they hold in dollars, and the value that the last crash brought each stage.
    """
    makers = p.MAKERS.replace("count = 8", 'count = 3\nlevel = "$2,000"')
    retail = p.RETAIL.replace("count = 300", "count = 400").replace('median = "$500"', 'median = "$3,000"')
    retail = retail.replace('mean_sleep = "1h"', 'mean_sleep = "30 min"\nstop_chance = 0\npanic = 0\ntop_up = 0')
    changes = {"perp.oracle.pinned": "true", "perp.margin.class": "flat20", "perp.pool.capital": "$0"}
    sim = p.given_price(p.scenario(p.TUESDAY, makers, retail, CROWD, changes={**changes, "group.liquidators.hurt": hurt}), PRICE)  # fmt: skip
    for when, price in (("2026-05-05 13:30", 376.0), ("2026-05-05 14:00", 358.0)):
        p.go_to(sim, when)
        p.put_price(sim, price)
    p.go_to(sim, "2026-05-06 15:00")
    withdrawn = int(p.knobs(sim, "liquidator", 2)["withdrawals"].sum())
    before_us = sim.now_us
    p.put_price(sim, 334.0)
    p.go(sim, 30 * p.MINUTE)
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(liquidation.liquidation_events)
    rows = rows[(rows["time_us"] > before_us) & (rows["ticker"] >= 0)]
    value = {stage: float(np.abs(rows["value_uusd"][rows["stage"] == stage]).sum()) / 1e6 for stage in range(1, 9)}
    held = float(np.abs(p.lots(sim, 2)).sum() * desk.lot_shares(sim.world, 0, desk.PERP) * 334.0)
    assert sim.conservation_error() == 0 and sim.audit() == []
    return withdrawn, held, value


def test_who_withdrew_hurt_is_missed_in_the_next_cascade() -> None:
    """The same crash on the same luck: where those whom the first one hurt stay away, the second falls through to ADL."""
    away, there = second_crash("0.994"), second_crash("0")
    assert away[0] >= 3 and there[0] == 0
    assert there[1] > away[1]
    assigned, deleveraged = (waterfall.ASSIGNED, waterfall.DELEVERAGED)
    assert there[2][assigned] > 500_000
    assert away[2][assigned] < 0.5 * there[2][assigned]
    assert away[2][deleveraged] > 1.3 * there[2][deleveraged] > 0
