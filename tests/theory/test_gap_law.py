"""The gap law against history: pooled quantiles, single names, variance ratios, the information clock, a given return.

Source of the quantiles: RaYYeR220/ballast, research/data/gap_quantiles.json, gaps from regular close to regular open
with dividends added back, 36 US tickers, 2020-06-01 to 2026-09-24; basis points of the simple return. Source of the
information curve: the same repository, token return since the close as a forecast of the gap, n = 597 token-week-ends
of 77 names.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.sim.chance import key_of
from offhours.sim.compile import kernel
from offhours.sim.declare import Knob, Memory, World, spec_of
from offhours.sim.market import clock, gap, stock
from offhours.sim.market.world import MARKET, Size, row_counts
from offhours.sim.underlying import GAP_SD_RATIO
from offhours.sim.units import read

# The 95 % quantile of absolute weekday night gaps, bp: it sets each name's daily standard deviation.
NIGHT_P95 = {
    "NVDA": 326, "SPY": 122, "QQQ": 170, "TSLA": 408, "AAPL": 195, "MSFT": 189, "GOOGL": 201, "META": 238, "AMZN": 222,
    "MSTR": 632, "MU": 408, "COIN": 522, "AMD": 364, "PLTR": 379, "INTC": 349, "AVGO": 287, "TSM": 318, "HOOD": 454,
    "ORCL": 236, "EWY": 308, "QCOM": 269, "WDC": 396, "LITE": 437, "GLW": 275, "SMH": 290, "IBM": 151, "BABA": 406,
    "MRVL": 411, "RKLB": 423, "NOK": 340, "DELL": 294, "AMAT": 378, "GS": 198, "PYPL": 237, "ASML": 381, "NFLX": 209,
}  # fmt: skip
LOADINGS = {"SPY": 0.97, "QQQ": 0.95, "AAPL": 0.68, "GOOGL": 0.70, "NVDA": 0.66, "MSTR": 0.50, "HOOD": 0.58}
FUNDS = ("SPY", "QQQ", "EWY", "SMH")
NAMES = tuple(NIGHT_P95)

NIGHT, WEEKEND, HOLIDAY, EARNINGS = 0, 1, 2, 3
# Pooled: absolute 95 %, 99 %, then the same of max(0, -gap).
POOLED = {
    NIGHT: (334, 604, 227, 442),
    WEEKEND: (384, 745, 252, 547),
    HOLIDAY: (362, 630, 260, 427),
    EARNINGS: (1567, 2448, 1093, 1795),
}
# Down 99 % of single names and the number of windows behind it. Of holidays a name has 61 and of earnings 25, so that
# its "99 %" is its worst one: these kinds are held to the pool alone, and no name is fitted.
OWN = {
    "SPY": {NIGHT: (155, 1243), WEEKEND: (223, 283)},
    "QQQ": {NIGHT: (202, 1243), WEEKEND: (318, 283)},
    "AAPL": {NIGHT: (255, 1193), WEEKEND: (276, 283)},
    "GOOGL": {NIGHT: (247, 1193), WEEKEND: (387, 283)},
    "NVDA": {NIGHT: (417, 1193), WEEKEND: (737, 283)},
    "TSLA": {NIGHT: (585, 1195), WEEKEND: (551, 281)},
    "MSTR": {NIGHT: (770, 1195), WEEKEND: (1209, 281)},
    "COIN": {NIGHT: (773, 1027), WEEKEND: (946, 245)},
}
# Hours before the open (Sunday 08:00, 20:00, Monday 04:00, 09:00) or after the close (Friday 20:00), and R2 there.
CURVE = ((-61.5, 0.049), (-25.5, 0.185), (-13.5, 0.203), (-5.5, 0.637), (-0.5, 0.937))

WINDOWS = 40_000
HOUR = 3_600_000_000
DAY = 24 * HOUR


@kernel
def draw_gaps(world: World, kind: int, first_us: int, space_us: int, into: Any) -> None:
    """Log returns of all tickers over many windows; kind 3 is a weekday night with earnings in it."""
    closed = 0 if kind == 3 else kind
    for row in range(len(into)):
        close_us = first_us + row * space_us
        gap.begin(world, closed, close_us, close_us + 1, close_us + 2)
        for ticker in range(clock.clock(world)[0].tickers):
            moved = gap.drawn_gap(world, ticker)
            if kind == 3:
                moved += gap.earnings_jump(world, ticker, close_us + 300_000_000)
            into[row, ticker] = moved


def market(names: tuple[str, ...], seed: int = 1, plans: int = 2) -> Memory:
    """A market with only what the law needs: rules at their defaults, and each name's exposure."""
    size = Size(
        tickers=len(names), accounts=8, groups=8, orders=1, stops=1, lane_rooms=(1,), phases=5, bank_days=1,
        plans=plans, earnings=0, replays=0, log_rows=64,
    )  # fmt: skip
    memory = Memory(MARKET, row_counts(size))
    memory[clock.clock]["tickers"] = len(names)
    memory[clock.clock]["seed"] = seed
    memory[gap.stock_plans]["ticker"] = gap.NO_TICKER
    for column, knob in gap_columns().items():
        memory[gap.gap_rules][column] = read(knob.default, knob.unit)
    for number, name in enumerate(names):
        daily_sd = GAP_SD_RATIO * NIGHT_P95[name] * 1e-4
        gap.expose(memory.handle, number, key_of(name), daily_sd, LOADINGS.get(name, 0.55))
    return memory


def gap_columns() -> dict[str, Knob]:
    return {n: k for n, k in spec_of(gap.gap_rules).columns.items() if isinstance(k, Knob)}


@pytest.fixture(scope="module")
def gaps() -> dict[int, np.ndarray[Any, Any]]:
    """Simple returns, windows x names, for each kind of window."""
    world, found = market(NAMES), {}
    for kind in POOLED:
        into = np.empty((WINDOWS, len(NAMES)))
        draw_gaps(world.handle, kind, 10**15 + kind * HOUR, DAY, into)
        found[kind] = np.expm1(into)
    return found


def quantiles_bp(gaps: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    down = np.maximum(0.0, -gaps)
    return 1e4 * np.concatenate([np.quantile(np.abs(gaps), (0.95, 0.99)), np.quantile(down, (0.95, 0.99))])


@pytest.mark.parametrize("kind", list(POOLED))
def test_pooled_quantiles_are_those_of_history_within_a_tenth(gaps: dict[int, np.ndarray[Any, Any]], kind: int) -> None:
    """GAP-1. 40,000 windows x 36 names; the simulation's own error of a 99 % quantile is below 2 %."""
    pool = gaps[kind] if kind != EARNINGS else gaps[kind][:, [n not in FUNDS for n in NAMES]]
    found = quantiles_bp(pool)
    assert np.abs(found / POOLED[kind] - 1).max() < 0.10, found


def test_the_weekend_99_quantile_is_within_60_bp(gaps: dict[int, np.ndarray[Any, Any]]) -> None:
    """GAP-1. Week-ends are shared by all names, so the sampling error of history itself is about 60 bp."""
    found = quantiles_bp(gaps[WEEKEND])
    assert abs(found[1] - 745) < 60 and abs(found[3] - 547) < 60


@pytest.mark.parametrize("name", list(OWN))
def test_each_names_down_quantile_lies_in_the_interval_that_history_could_have_shown(
    gaps: dict[int, np.ndarray[Any, Any]], name: str
) -> None:
    """GAP-1. 95 % sampling interval of the empirical 99 % quantile of n windows, from 4,000 samples of the law."""
    chooser = np.random.default_rng(5)
    for kind, (seen_bp, n) in OWN[name].items():
        print(name, kind, seen_bp, n)
        if kind > 1:
            continue
        own = np.maximum(0.0, -gaps[kind][:, NAMES.index(name)]) * 1e4
        samples = np.quantile(chooser.choice(own, (4_000, n)), 0.99, axis=1)
        low, high = np.quantile(samples, (0.025, 0.975))
        assert low <= seen_bp <= high, (name, kind, seen_bp, low, high)


def test_a_weekend_carries_a_third_of_a_days_variance_and_the_day_is_whole(
    gaps: dict[int, np.ndarray[Any, Any]],
) -> None:
    """Variance of week-end gaps over that of a trading day: median .34 of 50 US tickers to 2026; here +- .1."""
    rules = market(("TSLA",))
    parts = [gap.variance(*gap.law(rules.handle, kind)) for kind in (NIGHT, WEEKEND, gap.SESSION)]
    assert abs(parts[1] - 0.34) < 0.1
    assert abs(parts[0] + parts[2] - 1.0) < 0.02  # a night and a session make the day that the standard deviation is of
    stocks = [n not in FUNDS for n in NAMES]
    daily = GAP_SD_RATIO * np.array([NIGHT_P95[n] for n in NAMES])[stocks] * 1e-4
    seen = np.median(gaps[WEEKEND][:, stocks].var(axis=0) / daily**2)
    assert abs(seen - 0.34) < 0.1


def test_the_information_clock_delivers_at_least_the_measured_share_and_little_on_saturday() -> None:
    """GAP-3."""
    rules = market(("TSLA",))
    close, evening, opening = 0, 4 * HOUR, 131 * HOUR // 2

    def known(hours_before: float) -> float:
        return gap.information(rules.handle, WEEKEND, close, evening, opening, opening + int(hours_before * HOUR))

    for hours_before, r2 in CURVE:
        assert r2 <= known(hours_before) < r2 + 0.02
    assert known(-49.5) < 0.07  # Saturday 08:00, where the token's R2 was -.02
    shares = [known(h / 4) for h in range(-262, 1)]
    assert shares[0] == 0.0 and shares[-1] == 1.0 and (np.diff(shares) >= 0).all()


@pytest.mark.parametrize("kind", [NIGHT, WEEKEND, HOLIDAY])
def test_every_kind_of_window_knows_more_and_more(kind: int) -> None:
    """GAP-3. Also where a half day's post-market ends at 17:00, and over a single holiday or a long week-end."""
    rules = market(("TSLA",))
    for hours, evening in ((17.5, 4), (20.5, 4), (41.5, 4), (89.5, 4), (92.5, 4)):
        opening = int(hours * HOUR)
        instants = range(0, opening + 1, HOUR // 4)
        shares = [gap.information(rules.handle, kind, 0, evening * HOUR, opening, t) for t in instants]
        assert shares[0] == 0.0 and shares[-1] == 1.0 and shares[-2] > 0.9 and (np.diff(shares) >= 0).all()


def test_the_value_carries_the_clocks_r2_at_each_moment() -> None:
    """GAP-3. Of a bridge and of a jump at a uniform time alike, 1 - SSE/SST of the move so far is the clock's share.

    20 stocks x 24 week-ends, normal scales, half of them with a jump; 4 bootstrap standard errors of n = 480.
    """
    names = NAMES[:20]
    moments = [int((131 / 2 + h) * HOUR) for h, _ in CURVE]
    moves, gaps_seen = [], []
    for seed in range(24):
        memory = market(names, seed)
        memory[gap.gap_rules]["weekend_scale"] = 0.5
        memory[gap.gap_rules]["weekend_dispersion"] = 0.0
        memory[gap.gap_rules]["weekend_jump_chance_ppb"] = 500_000_000
        memory[gap.gap_rules]["weekend_jump_size"] = 0.7
        weekend_phases(memory)
        memory[stock.stock_rules]["price_uusd"] = 100_000_000
        memory[stock.stock_rules]["daily_volatility_ppb"] = 20_000_000
        memory[stock.stocks]["key"] = [key_of(name) for name in names]
        for ticker in range(len(names)):
            stock.begin(memory.handle, ticker)
        path = []
        for moment in [0, *moments, 131 * HOUR // 2]:
            clock.enter(memory.handle, START + moment)
            stock.advance(memory.handle, START + moment)
            path.append(memory[stock.stocks]["log_usd"].copy())
        moves.append(np.array(path[1:-1]) - path[0])
        gaps_seen.append(path[-1] - path[0])
    total = np.concatenate(gaps_seen)
    chooser = np.random.default_rng(3)
    again = chooser.integers(0, len(total), (500, len(total)))
    for row, moment in enumerate(moments):
        known = np.concatenate([m[row] for m in moves])
        share = gap.information(memory.handle, WEEKEND, 0, 4 * HOUR, 131 * HOUR // 2, moment)
        found = r2(known, total)
        error = np.std([r2(known[pick], total[pick]) for pick in again])
        assert error < 0.08 and abs(found - share) < 4 * error, (CURVE[row], found, share, error)


def test_a_given_return_is_approached_as_a_bridge_does() -> None:
    """GAP-3, GAP-4. Brownian bridge to g on the clock: mean s g, variance s (1 - s) sd^2 (Karatzas and Shreve, 5.6.B).

    The distance to the end has a mean square of (1 - s)^2 g^2 + s (1 - s) sd^2: half of sd at s = 1/2, whatever g is. 20 stocks that
    move on their own x 24 week-ends, normal scales; 4 standard errors of n = 480.
    """
    names, given = NAMES[:20], np.log(0.92)
    moments = [int((131 / 2 + h) * HOUR) for h, _ in CURVE]
    found = []
    for seed in range(24):
        memory = market(names, seed, plans=len(names))
        memory[gap.gap_rules]["weekend_dispersion"], memory[gap.gap_rules]["weekend_jump_chance_ppb"] = 0.0, 0
        weekend_phases(memory)
        memory[stock.stock_rules]["price_uusd"] = 100_000_000
        memory[stock.stock_rules]["daily_volatility_ppb"] = 40_000_000
        memory[stock.stocks]["key"] = [key_of(name) for name in names]
        for ticker in range(len(names)):
            memory[gap.stock_plans][ticker] = (ticker, START, START + 131 * HOUR // 2, given, 0.0)
            stock.begin(memory.handle, ticker)
        path = []
        for moment in [0, *moments, 131 * HOUR // 2]:
            clock.enter(memory.handle, START + moment)
            stock.advance(memory.handle, START + moment)
            path.append(memory[stock.stocks]["log_usd"] - np.log(100.0))
        assert path[-1] == pytest.approx(given, abs=1e-12)
        found.append(np.array(path[1:-1]))
    moves = np.concatenate(found, axis=1)
    sd = 0.04 * float(read(gap_columns()["weekend_scale"].default, "real"))
    for row, moment in enumerate(moments):
        share = gap.information(memory.handle, WEEKEND, 0, 4 * HOUR, 131 * HOUR // 2, moment)
        expected, count = share * (1 - share) * sd**2, moves.shape[1]
        assert abs(moves[row].mean() - share * given) < 4 * np.sqrt(expected / count), CURVE[row]
        assert abs(moves[row].var() / expected - 1) < 4 * np.sqrt(2 / count), CURVE[row]


def r2(forecast: np.ndarray[Any, Any], outcome: np.ndarray[Any, Any]) -> float:
    return float(1 - ((outcome - forecast) ** 2).sum() / (outcome**2).sum())


START = 1_772_830_800_000_000


def weekend_phases(memory: Memory) -> None:
    """One week-end, from close to open."""
    ends = (0, 4, 52, 60, 65.5, 72)
    codes = (clock.POST, clock.WEEKEND, clock.OVERNIGHT, clock.PRE, clock.REGULAR)
    for row, code in enumerate(codes):
        start, end = (START + int(h * HOUR) for h in ends[row : row + 2])
        memory[clock.phases][row] = (start, end, code, 0, 1, gap.WEEKEND_WINDOW)
    memory[clock.clock]["now_us"] = START


def test_other_stocks_follow_a_given_return_as_normal_theory_says() -> None:
    """GAP-4. Normal scales: E[G2 | G1 = g] = r1 r2 s2/s1 g, variance s2^2 (1 - (r1 r2)^2), at 4 standard errors."""
    memory = market(("TSLA", "NVDA"))
    memory[gap.gap_rules]["weekend_dispersion"] = 0.0
    memory[gap.gap_rules]["weekend_jump_chance_ppb"] = 0
    given, count, close = np.log(0.92), 4_000, 10**15
    drawn = np.empty(count)
    for row in range(count):
        memory[gap.stock_plans][0] = (0, close + row * DAY, close + row * DAY + 2, given, 0.0)
        gap.begin(memory.handle, WEEKEND, close + row * DAY, close + row * DAY + 1, close + row * DAY + 2)
        assert gap.drawn_gap(memory.handle, 0) == given
        drawn[row] = gap.drawn_gap(memory.handle, 1)
    first, second = memory[gap.exposures][:2]
    scale = memory[gap.gap_rules]["weekend_scale"][0]
    common = first["loading"] * second["loading"]
    mean = common * second["daily_sd"] / first["daily_sd"] * given
    spread = second["daily_sd"] * scale * np.sqrt(1 - common**2)
    assert abs(drawn.mean() - mean) < 4 * spread / np.sqrt(count)
    assert abs(drawn.var() / spread**2 - 1) < 4 * np.sqrt(2 / count)


def test_other_stocks_follow_a_given_return_as_the_law_says() -> None:
    """GAP-4. With the law's own tails: those drawn given -8 % agree with the unconditional draws that fell near it.

    Of 400,000 pairs some hundreds have the first stock between -9 % and -7 %; means agree within 4 standard errors.
    """
    memory = market(("TSLA", "SPY"))
    count, close = 400_000, 10**15
    pairs = np.empty((count, 2))
    draw_gaps(memory.handle, WEEKEND, close, HOUR, pairs)
    near = pairs[np.abs(np.expm1(pairs[:, 0]) + 0.08) < 0.01]
    drawn = np.empty(1_500)
    for row in range(len(drawn)):
        given = near[row % len(near), 0]
        at = close + row * DAY
        memory[gap.stock_plans][0] = (0, at, at + 2, given, 0.0)
        gap.begin(memory.handle, WEEKEND, at, at + 1, at + 2)
        drawn[row] = gap.drawn_gap(memory.handle, 1)
    error = np.sqrt(near[:, 1].var() / len(near) + drawn.var() / len(drawn))
    assert len(near) > 300
    assert abs(drawn.mean() - near[:, 1].mean()) < 4 * error
    for q in (0.25, 0.75):
        tail = (near[:, 1] < np.quantile(drawn, q)).mean()
        assert abs(tail - q) < 4 * np.sqrt(q * (1 - q) * (1 / len(near) + 1 / len(drawn)))
