"""The stock's value, its quotes and its broker, over one week-end made by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import ceil, exp, log, sqrt

import numpy as np
import pytest

from offhours.sim.chance import key_of
from offhours.sim.declare import Knob, Memory, spec_of
from offhours.sim.market import accounts, clock, gap, halts, matching, stock
from offhours.sim.market.world import MARKET, Size, row_counts
from offhours.sim.units import read

SECOND = 1_000_000
HOUR = 3_600 * SECOND
FRIDAY_OPEN = 1_772_807_400 * SECOND
CLOSE = FRIDAY_OPEN + 13 * HOUR // 2
EVENING = CLOSE + 4 * HOUR
OPEN = CLOSE + 131 * HOUR // 2
DAWN = OPEN - 11 * HOUR // 2
SUNDAY_NIGHT = OPEN - 27 * HOUR // 2
MONDAY_CLOSE = OPEN + 13 * HOUR // 2
SOMEBODY = accounts.HOUSES


def hours(overnight_visible: int = 0) -> list[tuple[int, int, int, int]]:
    """Start, end, phase, visible: a Friday, the week-end and a Monday, without a change of clocks."""
    return [
        (FRIDAY_OPEN, CLOSE, clock.REGULAR, 1),
        (CLOSE, EVENING, clock.POST, 1),
        (EVENING, SUNDAY_NIGHT, clock.WEEKEND, 0),
        (SUNDAY_NIGHT, DAWN, clock.OVERNIGHT, overnight_visible),
        (DAWN, OPEN, clock.PRE, 1),
        (OPEN, MONDAY_CLOSE, clock.REGULAR, 1),
    ]


def market(
    tickers: Mapping[str, float] | None = None,
    *,
    start_us: int = CLOSE - 60 * SECOND,
    seed: int = 7,
    plans: Sequence[tuple[int, float, float]] = (),
    releases: Sequence[tuple[int, int]] = (),
    replay: Sequence[tuple[int, int, float]] = (),
    overnight_visible: int = 0,
    law: Mapping[str, float] | None = None,
) -> Memory:
    """A market of tickers with given loadings at $100 and 2 % a day; plans are (ticker, log return, surprise)."""
    tickers = {"AAAx": 0.6} if tickers is None else tickers
    phases = hours(overnight_visible)
    size = Size(
        tickers=len(tickers), accounts=SOMEBODY + 1, groups=9, orders=1, stops=1, lane_rooms=(1,), phases=len(phases),
        bank_days=1, plans=len(plans), earnings=len(releases), replays=len(replay), log_rows=1024,
    )  # fmt: skip
    memory = Memory(MARKET, row_counts(size))
    for rules in (gap.gap_rules, stock.stock_rules):
        for column, knob in spec_of(rules).columns.items():
            assert isinstance(knob, Knob)
            memory[rules][column] = read(knob.default, knob.unit)
    for column, value in (law or {}).items():
        memory[gap.gap_rules][column] = value
    c = memory[clock.clock][0]
    c["now_us"], c["seed"], c["tickers"], c["accounts"], c["groups"] = start_us, seed, len(tickers), SOMEBODY + 1, 9
    memory[clock.logs]["room"] = 64
    for row, (start, end, phase, visible) in enumerate(phases):
        memory[clock.phases][row] = (start, end, phase, visible, 1, gap.WEEKEND_WINDOW)
    for row, (ticker, log_return, surprise) in enumerate(plans):
        memory[gap.stock_plans][row] = (ticker, CLOSE, OPEN, log_return, surprise)
    for row, release in enumerate(releases):
        memory[gap.earnings][row] = release
    for row, given in enumerate(replay):
        memory[stock.stock_replays][row] = given
    clock.enter(memory.handle, start_us)
    memory[stock.stock_rules]["daily_volatility_ppb"] = 20_000_000
    memory[stock.stock_rules]["loading"] = list(tickers.values())
    memory[stock.stocks]["key"] = [key_of(name) for name in tickers]
    for ticker in range(len(tickers)):
        stock.begin(memory.handle, ticker)
    return memory


def go(memory: Memory, until_us: int) -> None:
    """Bring clock and stocks to an instant at once."""
    clock.enter(memory.handle, until_us)
    stock.advance(memory.handle, until_us)


def value(memory: Memory, ticker: int = 0) -> float:
    return float(memory[stock.stocks]["log_usd"][ticker])


def test_a_given_return_is_hit_at_the_open() -> None:
    """GAP-4. Whatever the path, the value at Monday's open is the one at Friday's close times the given factor."""
    memory = market({"AAAx": 0.6, "BBBx": 0.3}, plans=[(0, log(0.92), 0.25)])
    go(memory, CLOSE)
    before = value(memory)
    go(memory, OPEN - SECOND)
    assert abs(value(memory) - before - log(0.92)) > 1e-3
    last = value(memory)
    go(memory, OPEN)
    assert abs(value(memory) - before - log(0.92)) < 1e-9
    assert value(memory) - last < 0.25 * log(0.92) / 2  # a quarter of the return was kept back for the bell
    assert abs(memory[stock.stocks]["value_usd"][0] - exp(value(memory))) < 1e-9


def test_the_path_does_not_depend_on_how_often_somebody_looks() -> None:
    """STOCK-1. Second by second or in three strides: the same bits."""
    strides, seconds = market(start_us=CLOSE - 60 * SECOND), market(start_us=CLOSE - 60 * SECOND)
    for until in (CLOSE - 30 * SECOND, CLOSE + SECOND, CLOSE + 600 * SECOND):
        go(strides, until)
    for until in range(CLOSE - 59 * SECOND, CLOSE + 601 * SECOND, SECOND):
        go(seconds, until)
    assert value(strides) == value(seconds)


def test_a_tickers_path_does_not_depend_on_which_others_there_are() -> None:
    """GAP-2, STOCK-2. Alone or third of three, in its session, its window and at the open."""
    alone, among = market({"AAAx": 0.6}), market({"CCCx": -0.2, "BBBx": 0.9, "AAAx": 0.6})
    for until in (CLOSE, CLOSE + HOUR, DAWN, OPEN, OPEN + HOUR):
        go(alone, until)
        go(among, until)
        assert value(alone, 0) == value(among, 2)
    assert value(among, 0) != value(among, 1)


def test_the_value_moves_with_the_others_by_the_product_of_loadings() -> None:
    """STOCK-2. Correlation of a session's one-second returns is .8 x .5; standard error of n = 23,340 is .0055."""
    tickers, law = {"AAAx": 0.8, "BBBx": 0.5, "CCCx": 0.0}, {"regular_dispersion": 0.0}
    memory = market(tickers, start_us=FRIDAY_OPEN, law=law)
    path = []
    for until in range(FRIDAY_OPEN + SECOND, CLOSE, SECOND):
        go(memory, until)
        path.append(memory[stock.stocks]["log_usd"].copy())
    moves = np.diff(np.array(path), axis=0)
    found = np.corrcoef(moves.T)
    assert abs(found[0, 1] - 0.4) < 4 * 0.0055
    assert abs(found[0, 2]) < 4 * 0.0066
    # A second's variance is (.707 x 2 %)^2 over the 23,400 of a session. Relative standard error sqrt(2/n) = .9 %.
    expected = (0.707 * 0.02) ** 2 / 23_400
    assert abs((moves[:, 0] ** 2).mean() / expected - 1) < 4 * sqrt(2 / len(moves))


def test_there_is_a_quote_only_while_the_phase_is_visible() -> None:
    """STOCK-3. What was seen at 20:00 on Friday stays readable until 04:00 on Monday."""
    memory = market()
    go(memory, EVENING - SECOND)
    s = memory[stock.stocks][0]
    seen = (s["bid_uusd"], s["ask_uusd"])
    assert s["visible"] == 1
    for until in (EVENING, EVENING + 30 * HOUR, DAWN - SECOND):
        go(memory, until)
        s = memory[stock.stocks][0]
        assert s["visible"] == 0 and (s["bid_uusd"], s["ask_uusd"]) == seen and s["quote_us"] == EVENING - SECOND
    go(memory, DAWN)
    s = memory[stock.stocks][0]
    assert s["visible"] == 1 and s["quote_us"] == DAWN
    assert s["bid_uusd"] < s["value_usd"] * 1e6 < s["ask_uusd"]
    assert s["bid_uusd"] % 10_000 == 0 and s["ask_uusd"] % 10_000 == 0
    # Pre-market spread: 2 bp x 2.5 of the value, each side rounded outwards by less than a cent.
    wide = s["ask_uusd"] - s["bid_uusd"] - 2e-4 * 2.5 * s["value_usd"] * 1e6
    assert 0 <= wide < 20_000


def test_the_first_price_after_a_time_without_one_is_recorded() -> None:
    """STOCK-3. Once, with what was seen before; in a 24x5 regime it comes on Sunday night."""
    for overnight_visible, first_us in ((0, DAWN), (1, SUNDAY_NIGHT)):
        memory = market(overnight_visible=overnight_visible)
        go(memory, EVENING - SECOND)
        before = stock.mid_usd(memory.handle, 0)
        for until in (EVENING, SUNDAY_NIGHT - SECOND, SUNDAY_NIGHT, DAWN, OPEN):
            go(memory, until)
        assert memory[clock.logs]["count"][clock.FIRST_PRICE_LOG] == 1
        row = memory[stock.first_prices][0]
        assert (row["time_us"], row["ticker"], row["since_us"]) == (first_us, 0, EVENING - SECOND)
        assert row["before_usd"] == before and row["price_usd"] == memory[stock.stocks]["first_usd"][0]
        assert memory[stock.stocks]["first_us"][0] == first_us


def test_a_halt_takes_the_quote_away_and_the_value_moves_on() -> None:
    """STOCK-3, CLOCK-3."""
    memory = market()
    go(memory, OPEN + 60 * SECOND)
    halts.stop_all(memory.handle, halts.NEWS, OPEN + 121 * SECOND, -1.0, -1.0)
    before = value(memory)
    go(memory, OPEN + 120 * SECOND)
    assert memory[stock.stocks]["visible"][0] == 0 and value(memory) != before
    assert stock.buy(memory.handle, SOMEBODY, 0, 1_000_000) == matching.MARKET_CLOSED
    go(memory, OPEN + 121 * SECOND)
    assert memory[stock.stocks]["visible"][0] == 1
    assert memory[clock.logs]["count"][clock.FIRST_PRICE_LOG] == 1


def test_earnings_jump_at_their_release_and_stay() -> None:
    """GAP-5. With and without a release at 16:05 the paths differ by one constant from that second on."""
    release = CLOSE + 300 * SECOND
    plain, reports = market({"AAAx": 0.6, "BBBx": 0.6}), market({"AAAx": 0.6, "BBBx": 0.6}, releases=[(0, release)])
    differences = []
    for until in (release - SECOND, release, EVENING, OPEN, OPEN + HOUR):
        go(plain, until)
        go(reports, until)
        differences.append(value(reports) - value(plain))
        assert value(reports, 1) == value(plain, 1)
    jump = gap.earnings_jump(reports.handle, 0, release)
    assert differences[0] == 0.0 and abs(jump) > 1e-4
    assert np.allclose(differences[1:], jump, atol=1e-12)


def test_a_given_return_has_the_earnings_in_it() -> None:
    """GAP-4, GAP-5."""
    memory = market(plans=[(0, log(1.05), 0.0)], releases=[(0, CLOSE + 300 * SECOND)])
    go(memory, CLOSE)
    before = value(memory)
    go(memory, OPEN)
    assert abs(value(memory) - before - log(1.05)) < 1e-9


def test_a_jump_comes_at_one_moment_and_the_open_does_not_undo_it() -> None:
    """GAP-1, GAP-3. With nothing but jumps the value stands still, jumps, and stands still."""
    law = {"weekend_scale": 0.0, "weekend_jump_chance_ppb": 10**9, "weekend_jump_size": 2.0}
    memory = market({"AAAx": 0.0}, law=law)
    go(memory, CLOSE)
    path = [value(memory)]
    for until in range(CLOSE + HOUR // 2, OPEN + 1, HOUR // 2):
        go(memory, until)
        path.append(value(memory))
    steps = np.diff(path)
    assert (np.abs(steps) > 1e-9).sum() == 1
    w = memory[gap.windows][0]
    assert abs(path[-1] - path[0] - gap.drawn_gap(memory.handle, 0)) < 1e-12 and w["share"] == 1.0


def test_given_prices_replay() -> None:
    """STOCK-6. The value is the last given price at or before the second; other tickers keep their own paths."""
    replay = [(1, CLOSE - HOUR, 50.0), (1, CLOSE + 10 * SECOND, 51.5), (1, DAWN, 47.0)]
    plain = market({"AAAx": 0.6, "BBBx": 0.6})
    memory = market({"AAAx": 0.6, "BBBx": 0.6}, replay=replay)
    for until, price in ((CLOSE, 50.0), (CLOSE + 9 * SECOND, 50.0), (CLOSE + 10 * SECOND, 51.5), (OPEN, 47.0)):
        go(memory, until)
        go(plain, until)
        assert memory[stock.stocks]["value_usd"][1] == price
        assert value(memory, 0) == value(plain, 0)


def test_the_broker_trades_at_the_quote_plus_impact_and_nothing_is_lost() -> None:
    """STOCK-4, STOCK-5. Worked by hand: 10.5 shares at the ask, impact 1 x 2 % x sqrt(value / $5B), all rounded up."""
    memory = market(start_us=FRIDAY_OPEN + HOUR)
    world = memory.handle
    accounts.transfer(world, accounts.BROKER_USD, accounts.OUTSIDE, SOMEBODY, 2_000_000_000, accounts.ENDOWMENT)
    ask, bid = (int(memory[stock.stocks][column][0]) for column in ("ask_uusd", "bid_uusd"))
    worth = ceil(10.5 * ask)
    impact_ppb = ceil(0.02 * sqrt(worth / 5e15) * 1e9)
    cost = worth + ceil(worth * impact_ppb / 1e9)
    assert stock.buy(world, SOMEBODY, 0, 10_500_000) == matching.ACCEPTED
    assert accounts.amount(world, SOMEBODY, accounts.BROKER_USD) == 2_000_000_000 - cost
    assert accounts.amount(world, SOMEBODY, accounts.share_asset(0)) == 10_500_000
    assert stock.sell(world, SOMEBODY, 0, 500_000) == matching.ACCEPTED
    worth = bid // 2
    impact_ppb = ceil(0.02 * sqrt(worth / 5e15) * 1e9)
    proceeds = int(worth * (1 - impact_ppb / 1e9))
    assert accounts.amount(world, SOMEBODY, accounts.BROKER_USD) == 2_000_000_000 - cost + proceeds
    amounts = memory[accounts.balances]["amount"].reshape(SOMEBODY + 1, -1)
    assert (amounts.sum(axis=0) == 0).all()
    assert accounts.amount(world, SOMEBODY, accounts.USD) == 0


def test_impact_grows_with_the_root_of_the_order() -> None:
    """STOCK-4. Exponent one half over two decades; three and a half times as much outside regular hours."""
    memory = market(start_us=FRIDAY_OPEN + HOUR)
    impacts = [stock.order_impact_ppb(memory.handle, 0, 10**uusd) for uusd in (10, 11, 12)]
    assert np.allclose(np.diff(np.log10(impacts)), 0.5, atol=1e-3)
    go(memory, CLOSE + SECOND)
    assert abs(stock.order_impact_ppb(memory.handle, 0, 10**12) / impacts[2] - 3.5) < 1e-3


def test_the_broker_refuses_what_nobody_could_deliver() -> None:
    """STOCK-3, STOCK-5. Each refusal leaves every balance as it was."""
    memory = market(start_us=FRIDAY_OPEN + HOUR)
    world = memory.handle
    accounts.transfer(world, accounts.BROKER_USD, accounts.OUTSIDE, SOMEBODY, 100_000_000, accounts.ENDOWMENT)
    before = memory[accounts.balances].copy()
    cost = stock.cost_uusd(world, 0, 1_000_000)
    assert cost > 100_000_000
    assert stock.buy(world, SOMEBODY, 0, 1_000_000) == matching.NOT_ENOUGH_FUNDS
    assert stock.sell(world, SOMEBODY, 0, 1) == matching.NOT_ENOUGH_FUNDS
    assert stock.buy(world, SOMEBODY, 0, 0) == stock.sell(world, SOMEBODY, 0, -1) == matching.BAD_SIZE
    go(memory, EVENING)
    assert stock.buy(world, SOMEBODY, 0, 1000) == stock.sell(world, SOMEBODY, 0, 1000) == matching.MARKET_CLOSED
    assert (memory[accounts.balances] == before).all()


def tiny_run() -> str:
    """Digest of a short market that crosses a close with a given return, a release and three tickers."""
    plans, releases = [(1, log(0.95), 0.1)], [(0, CLOSE + 2 * SECOND)]
    memory = market(
        {"AAAx": 0.6, "BBBx": 0.4, "CCCx": 0.0}, start_us=CLOSE - 5 * SECOND, plans=plans, releases=releases
    )
    for until in range(CLOSE - 4 * SECOND, CLOSE + 5 * SECOND, SECOND):
        go(memory, until)
    return memory.digest()


@pytest.mark.skipif(os.environ.get("OFFHOURS_COMPILE") == "0", reason="compares the two faces")
def test_the_same_bits_uncompiled() -> None:
    """The promise of one answer everywhere: the tables' digest with the compiler off."""
    folder = os.path.dirname(__file__)
    code = f"import sys; sys.path.insert(0, {folder!r}); import test_stock; print(test_stock.tiny_run())"
    environment = {**os.environ, "OFFHOURS_COMPILE": "0"}
    plain = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert plain.stdout.strip() == tiny_run()


def test_a_given_move_is_laid_over_what_the_value_does_otherwise() -> None:
    """STOCK-7. On the same luck a value is the factor times what it would have been, from the move's end on and not before its
    beginning; half of the logarithm is there half-way. Others do not notice. It stays over the week-end, and after the open."""
    begin, end = CLOSE - 30 * SECOND, CLOSE + 30 * SECOND
    plain, moved = (market({"AAAx": 0.6, "BBBx": 0.6}) for _ in range(2))
    moved[stock.stock_moves][0] = (0, begin, end, log(0.85))
    for at_us, factor in ((begin, 1.0), (CLOSE, 0.85**0.5), (end, 0.85), (DAWN, 0.85), (OPEN + HOUR, 0.85)):
        for memory in (plain, moved):
            go(memory, at_us)
        one, other = plain[stock.stocks]["value_usd"], moved[stock.stocks]["value_usd"]
        assert other[0] == pytest.approx(factor * one[0], rel=1e-9)
        assert other[1] == one[1]
