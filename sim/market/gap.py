"""The news of the closed hours: how far a stock moves while its exchange sleeps, and when the world learns of it.

GAP-1  One law per kind of closed window, the same for every stock, in units of the stock's daily standard deviation: a
       normal number times a random (lognormal) scale, plus, with a small chance, a normal jump. Symmetric, no drift.
GAP-2  A stock's return is its loading times the market's draw plus the rest times its own; both follow the same law. A
       draw belongs to (seed, stock or market, second of the close): no stock's luck depends on which others there are.
GAP-3  Information arrives on its own clock: a share between 0 at the close and 1 at the open, little on Saturday, most
       of it from Monday 04:00 on. Between its ends the value is a Brownian bridge on that clock; jumps come at a time
       uniform on it. The part that is left when the bell rings comes in one step at the open.
GAP-4  A given return fixes where a stock's window ends. The other stocks are drawn conditionally on it, through the
       market: of a few hundred draws of the scales one is taken in proportion to the density it gives the return
       (sampling, importance resampling), and given the scales everything is normal. `surprise` jumps at the open.
GAP-5  Earnings are one more jump, of the stock alone, at the second of the release.

Why symmetric and without drift: in the sample the pooled up side is the heavier one, but its names are those that
survived six rising years; the overnight drift of the index has been near zero since 2021.
"""

from __future__ import annotations

from math import sqrt

from offhours.sim.chance import JUMP, NEWS, normal, uniform
from offhours.sim.compile import kernel, rare
from offhours.sim.curves import exp, log
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.clock import HALTED, HOUR_US, POST, REGULAR, SECOND_US, clock, phases

WEEKDAY_NIGHT, WEEKEND_WINDOW, HOLIDAY_WINDOW, SESSION = 0, 1, 2, 3
"""Kinds of window: the three closed ones carry the codes of the phase table's `window_class`."""

MARKET_WHO = 0
"""Whose draws the market's are."""

CANDIDATES = 256
NO_TICKER, NO_CANDIDATE = -1, -1
NEVER_US = 1 << 62
SESSION_SECONDS = 23_400.0
"""A full regular session, 6.5 hours."""

HALTED_SHARE = 0.5
"""Standard deviation of what a halt brings, beside a trading day's. Assumed: no distribution of reopenings was found; with a
whole day's, forced sales alone carried the mark of halt-in-hours 11 % beyond the price at which the stock resumed."""

NOTHING_BEGAN, SESSION_BEGAN, WINDOW_BEGAN = 0, 1, 2
_KNOTS = 6

# Which of a window's draws a number is; earnings take 6 and 7 of the second of their release.
_Z, _SCALE, _JUMPS, _SPLIT, _JUMP_TIME = 0, 1, 2, 3, 4


class GapRules:
    """One row: the law of each kind of window, and the information clock."""

    regular_scale: A[float, Knob("0.707", "real", "0", "5", "median standard deviation of a regular session over the daily one", basis="measured: sessions carry .75 of a trading day's variance once earnings are apart (open to close of SPY, QQQ, IWM, AAPL, FB, GOOG 2002-2021: .52 to .72 with them; QuantConnect/Lean, n=16,671); half would leave .3 of the day, twice would be three days in one")]  # fmt: skip
    regular_dispersion: A[float, Knob("0.45", "real", "0", "1.2", "standard deviation of the logarithm of a session's scale", basis="measured: excess kurtosis of open-to-close returns 3 to 5 (SPY, QQQ 2010-2021, FB 2012-2021, GOOG 2004-2018; QuantConnect/Lean, mplfinance); .45 gives 3.7, half .7, twice 73")]  # fmt: skip
    night_scale: A[float, Knob("0.302", "real", "0", "5", "median standard deviation of a weekday night without its jumps, over the daily one", basis="measured: fitted to pooled gap quantiles of 36 US tickers 2020-06-01..2026-09-24, n=42,678 nights (RaYYeR220/ballast, gap_quantiles.json)")]  # fmt: skip
    night_dispersion: A[float, Knob("0.69", "real", "0", "1.2", "standard deviation of the logarithm of a weekday night's scale", basis="measured: fitted as night_scale")]  # fmt: skip
    night_jump_chance_ppb: A[int, Knob("0.9 %", "ppb", "0 %", "100 %", "chance that a weekday night holds a jump", basis="measured: fitted as night_scale")]  # fmt: skip
    night_jump_size: A[float, Knob("1.40", "real", "0", "20", "standard deviation of that jump over the daily one", basis="measured: fitted as night_scale")]  # fmt: skip
    weekend_scale: A[float, Knob("0.274", "real", "0", "5", "median standard deviation of a week-end without its jumps, over the daily one", basis="measured: fitted to pooled gap quantiles of 36 US tickers 2020-06-01..2026-09-24, n=9,997 week-ends, and held on the high side of their sampling error by NVDA, 7.4 % down once in a hundred of n=283 (RaYYeR220/ballast, gap_quantiles.json)")]  # fmt: skip
    weekend_dispersion: A[float, Knob("0.88", "real", "0", "1.2", "standard deviation of the logarithm of a week-end's scale", basis="measured: fitted as weekend_scale")]  # fmt: skip
    weekend_jump_chance_ppb: A[int, Knob("2.2 %", "ppb", "0 %", "100 %", "chance that a week-end holds a jump", basis="measured: fitted as weekend_scale")]  # fmt: skip
    weekend_jump_size: A[float, Knob("1.5", "real", "0", "20", "standard deviation of that jump over the daily one", basis="measured: fitted as weekend_scale")]  # fmt: skip
    holiday_scale: A[float, Knob("0.382", "real", "0", "5", "median standard deviation of a holiday or long week-end without its jumps, over the daily one", basis="measured: fitted to pooled gap quantiles of 36 US tickers 2020-06-01..2026-09-24, n=2,160 windows (RaYYeR220/ballast, gap_quantiles.json)")]  # fmt: skip
    holiday_dispersion: A[float, Knob("0.56", "real", "0", "1.2", "standard deviation of the logarithm of such a window's scale", basis="measured: fitted as holiday_scale")]  # fmt: skip
    holiday_jump_chance_ppb: A[int, Knob("1 %", "ppb", "0 %", "100 %", "chance that such a window holds a jump", basis="measured: fitted as holiday_scale")]  # fmt: skip
    holiday_jump_size: A[float, Knob("0.78", "real", "0", "20", "standard deviation of that jump over the daily one", basis="measured: fitted as holiday_scale")]  # fmt: skip
    earnings_size: A[float, Knob("2.17", "real", "0", "20", "median standard deviation of an earnings jump over the daily one", basis="measured: fitted, on top of a weekday night, to pooled earnings gaps of 36 US tickers 2020-06-01..2026-09-24, n=788 (RaYYeR220/ballast, gap_quantiles.json)")]  # fmt: skip
    earnings_dispersion: A[float, Knob("0.22", "real", "0", "1.2", "standard deviation of the logarithm of an earnings jump's scale", basis="measured: fitted as earnings_size")]  # fmt: skip
    night_evening: A[float, Knob("0.20", "real", "0", "1", "share of a weekday night's news known at 20:00", basis="chosen: company news comes after the close, but little of it apart from earnings; not half, because four of the seventeen hours and a tenth of the day's volume lie there; not twice, because Friday evenings carry .05")]  # fmt: skip
    night_dawn: A[float, Knob("0.45", "real", "0", "1", "share of a weekday night's news known at 04:00", basis="chosen: Asia and half of Europe's morning; not half, because a night would then know less at 04:00 than index futures show; not twice, because Mondays know .64 then after three days")]  # fmt: skip
    weekend_evening: A[float, Knob("0.05", "real", "0", "1", "share of a week-end's news known at 20:00 on the day of the close", basis="measured: token return against the gap, R2 .049, n=597 token-week-ends of 77 names, Jun-Sep 2026 (RaYYeR220/ballast)")]  # fmt: skip
    weekend_saturday: A[float, Knob("0.07", "real", "0", "1", "share known 37.5 hours before the open, Saturday 20:00 of a plain week-end", basis="chosen: the token's R2 is -.02 on Saturday 08:00, so next to nothing; not half, because it cannot fall below the evening's .05; not twice, because then a token knows the gap on Saturday, the commonest failure of such models")]  # fmt: skip
    weekend_sunday: A[float, Knob("0.19", "real", "0", "1", "share known 25.5 hours before the open, Sunday 08:00 of a plain week-end", basis="measured: R2 .185, n=597 token-week-ends, Jun-Sep 2026 (RaYYeR220/ballast)")]  # fmt: skip
    weekend_night: A[float, Knob("0.21", "real", "0", "1", "share known 13.5 hours before the open, Sunday 20:00", basis="measured: R2 .203, n=597 token-week-ends, Jun-Sep 2026 (RaYYeR220/ballast)")]  # fmt: skip
    weekend_dawn: A[float, Knob("0.64", "real", "0", "1", "share known 5.5 hours before the open, Monday 04:00", basis="measured: R2 .637, n=597 token-week-ends, Jun-Sep 2026 (RaYYeR220/ballast)")]  # fmt: skip
    morning: A[float, Knob("0.94", "real", "0", "1", "share known half an hour before the open, 09:00", basis="measured: R2 .937, n=597 token-week-ends, and .934, n=2,688 token-nights, Jun-Sep 2026 (RaYYeR220/ballast)")]  # fmt: skip
    bell: A[float, Knob("0.97", "real", "0", "1", "share known in the last second before the open; the rest comes with it", basis="chosen: half of what 09:00 leaves; not half as much remains, because opening auctions move prices by a fifth of the gap's standard deviation; not twice, because the last half-hour would then be silent")]  # fmt: skip


class StockPlan:
    """One row a given return."""

    ticker: A[int, Column("i8", "ticker", "whose return is given, or NO_TICKER")]
    from_us: A[int, Column("i8", "us", "the regular close it starts from")]
    to_us: A[int, Column("i8", "us", "the regular open it ends at")]
    log_return: A[float, Column("f8", "", "logarithm of the value at the open over that at the close")]
    surprise: A[float, Column("f8", "share", "part of it that jumps at the open")]


class Earnings:
    """One row a release."""

    ticker: A[int, Column("i8", "ticker", "who reports, or NO_TICKER")]
    release_us: A[int, Column("i8", "us", "when")]


class Exposure:
    """One row a ticker: what the law needs to know of it."""

    key: A[int, Column("i8", "key", "whose draws its own are")]
    daily_sd: A[float, Column("f8", "", "standard deviation of a trading day's log return")]
    loading: A[float, Column("f8", "", "correlation with the market's draw")]


class Window:
    """One row: the closed window or the session that the latent values are in."""

    grid_us: A[int, Column("i8", "us", "instant that the latent values stand at")]
    phase_row: A[int, Column("i8", "row", "phase of that instant")]
    kind: A[int, Column("i8", "code", "WEEKDAY_NIGHT .. SESSION")]
    begun: A[int, Column("i8", "flag", "1 once the first window or session began")]
    close_us: A[int, Column("i8", "us", "regular close (of a session, its open)")]
    evening_us: A[int, Column("i8", "us", "end of the post-market that follows it")]
    open_us: A[int, Column("i8", "us", "next regular open (of a session, its close)")]
    share_before: A[float, Column("f8", "share", "news known a second ago")]
    share: A[float, Column("f8", "share", "news known")]
    market_aim: A[float, Column("f8", "", "the market's draw without its jump, in daily standard deviations")]
    market_sd: A[float, Column("f8", "", "its scale")]
    market_jump: A[float, Column("f8", "", "the market's jump, in daily standard deviations; 0 where there is none")]
    market_jump_share: A[float, Column("f8", "share", "when it comes, on the information clock")]
    candidate: A[int, Column("i8", "number", "draw of the scales that a given return chose, or NO_CANDIDATE")]


gap_rules = table(GapRules)
stock_plans = table(StockPlan)
earnings = table(Earnings)
exposures = table(Exposure)
windows = table(Window)


@kernel
def law(world: World, kind: int) -> tuple[float, float, float, float]:
    """Scale, dispersion, chance of a jump and its size for a kind of window (GAP-1)."""
    r = gap_rules(world)[0]
    if kind == WEEKDAY_NIGHT:
        return r.night_scale, r.night_dispersion, r.night_jump_chance_ppb * 1e-9, r.night_jump_size
    if kind == WEEKEND_WINDOW:
        return r.weekend_scale, r.weekend_dispersion, r.weekend_jump_chance_ppb * 1e-9, r.weekend_jump_size
    if kind == HOLIDAY_WINDOW:
        return r.holiday_scale, r.holiday_dispersion, r.holiday_jump_chance_ppb * 1e-9, r.holiday_jump_size
    return r.regular_scale, r.regular_dispersion, 0.0, 0.0


@kernel
def variance(scale: float, dispersion: float, chance: float, size: float) -> float:
    """Variance of the law over the daily one: E[scale^2] + chance x size^2."""
    return scale * scale * exp(2.0 * dispersion * dispersion) + chance * size * size


@kernel
def between(value: float, low: float, high: float, at_low: float, at_high: float) -> float:
    """Straight line through (low, at_low) and (high, at_high)."""
    return at_low + (at_high - at_low) * ((value - low) / (high - low))


@kernel
def knot_us(kind: int, knot: int, evening_us: int, open_us: int) -> int:
    """Instant of a knot of the information clock (GAP-3); those of the days are counted back from the open."""
    if knot == 0:
        return open_us - 27 * HOUR_US // 2 if kind == WEEKDAY_NIGHT else evening_us
    if knot == 1:
        return open_us - 75 * HOUR_US // 2
    if knot == 2:
        return open_us - 51 * HOUR_US // 2
    if knot == 3:
        return open_us - 27 * HOUR_US // 2
    if knot == 4:
        return open_us - 11 * HOUR_US // 2
    return open_us - HOUR_US // 2


@kernel
def knot_share(world: World, kind: int, knot: int) -> float:
    """Share of the news known at a knot."""
    r = gap_rules(world)[0]
    night = kind == WEEKDAY_NIGHT
    if knot == 0:
        return r.night_evening if night else r.weekend_evening
    if knot == 1:
        return r.weekend_saturday
    if knot == 2:
        return r.weekend_sunday
    if knot == 3:
        return r.weekend_night
    if knot == 4:
        return r.night_dawn if night else r.weekend_dawn
    return r.morning


@kernel
def information(world: World, kind: int, close_us: int, evening_us: int, open_us: int, now_us: int) -> float:
    """Share of a closed window's news that is known at an instant (GAP-3); knots before an earlier one are left out."""
    if now_us >= open_us:
        return 1.0
    last_us, last = close_us, 0.0
    for knot in range(_KNOTS):
        at_us, share = knot_us(kind, knot, evening_us, open_us), knot_share(world, kind, knot)
        if at_us > last_us:
            if now_us <= at_us:
                return between(float(now_us - last_us), 0.0, float(at_us - last_us), last, share)
            last_us, last = at_us, share
    return between(float(now_us - last_us), 0.0, float(open_us - last_us), last, gap_rules(world)[0].bell)


@kernel
def expected_variance(world: World, ticker: int) -> float:
    """Variance of a ticker's log return since the close, as the information clock and the law expect it; 0 in a session."""
    w = windows(world)[0]
    if w.kind == SESSION:
        return 0.0
    scale, dispersion, chance, size = law(world, w.kind)
    daily_sd = exposures(world)[ticker].daily_sd
    return daily_sd * daily_sd * variance(scale, dispersion, chance, size) * w.share


@kernel
def halted_variance(world: World, ticker: int) -> float:
    """Variance of a ticker's log return that a halt stands for, from its first second on: that of half a day's deviation."""
    halted_sd = HALTED_SHARE * exposures(world)[ticker].daily_sd
    return halted_sd * halted_sd


@kernel
def expose(world: World, ticker: int, key: int, daily_sd: float, loading: float) -> None:
    """Write what the law needs to know of a ticker when the market is built."""
    assert daily_sd >= 0.0 and -1.0 < loading < 1.0
    e = exposures(world)[ticker]
    e.key = key
    e.daily_sd = daily_sd
    e.loading = loading


@kernel
def own_weight(loading: float) -> float:
    """Weight of a ticker's own draw beside the market's (GAP-2)."""
    return sqrt(1.0 - loading * loading)


@kernel
@rare
def start(world: World, now_us: int) -> None:
    """Set the latent values' grid when the market is built; they move from the next whole second on."""
    w = windows(world)[0]
    w.grid_us = now_us - now_us % SECOND_US
    w.begun = 0
    w.candidate = NO_CANDIDATE


@kernel
@rare
def turn(world: World) -> int:
    """Look which phase the second that begins at the grid lies in, and begin a window or a session where one begins."""
    w = windows(world)[0]
    row = w.phase_row
    while w.grid_us >= phases(world)[row].end_us and row + 1 < len(phases(world)):
        row += 1
    w.phase_row = row
    session = is_session(world, row)
    if w.begun and session == (w.kind == SESSION):
        return NOTHING_BEGAN
    w.begun = 1
    first, last = row, row
    while first > 0 and is_session(world, first - 1) == session:
        first -= 1
    while last + 1 < len(phases(world)) and is_session(world, last + 1) == session:
        last += 1
    close_us, open_us = phases(world)[first].start_us, phases(world)[last].end_us
    if session:
        begin(world, SESSION, close_us, close_us, open_us)
        return SESSION_BEGAN
    evening_us = phases(world)[first].end_us if phases(world)[first].phase == POST else close_us
    begin(world, int(phases(world)[row].window_class), close_us, evening_us, open_us)
    w.share = information(world, w.kind, close_us, evening_us, open_us, w.grid_us)
    return WINDOW_BEGAN


@kernel
def is_session(world: World, row: int) -> int:
    """1 where a phase is regular hours, halted ones included."""
    code = phases(world)[row].phase
    return 1 if code == REGULAR or code == HALTED else 0


@kernel
def accrue(world: World) -> None:
    """Move the grid a second on, and with it the share of the news that is known."""
    w = windows(world)[0]
    w.grid_us += SECOND_US
    w.share_before = w.share
    if w.kind != SESSION:
        w.share = information(world, w.kind, w.close_us, w.evening_us, w.open_us, w.grid_us)


@kernel
def begin(world: World, kind: int, close_us: int, evening_us: int, open_us: int) -> None:
    """Begin a window (or a session) and make the market's draw for it, conditional on the returns that are given."""
    assert close_us <= evening_us <= open_us
    w = windows(world)[0]
    w.kind = kind
    w.close_us = close_us
    w.evening_us = evening_us
    w.open_us = open_us
    w.share = 0.0
    w.share_before = 0.0
    w.candidate = NO_CANDIDATE
    if kind != SESSION and is_planned(world, close_us):
        _begin_planned(world)
        return
    aim, sd, jump, jump_share = own_draw(world, MARKET_WHO)
    w.market_aim = aim
    w.market_sd = sd
    w.market_jump = jump
    w.market_jump_share = jump_share


@kernel
def own_draw(world: World, who: int) -> tuple[float, float, float, float]:
    """One draw of the current window's law: value without its jump, scale, jump, and when the jump comes (GAP-1, GAP-3)."""
    w = windows(world)[0]
    seed, n = clock(world)[0].seed, w.close_us // SECOND_US * 8
    scale, dispersion, chance, size = law(world, w.kind)
    sd = scale * exp(dispersion * normal(seed, JUMP, who, n + _SCALE))
    if uniform(seed, JUMP, who, n + _JUMPS) >= chance:
        return sd * normal(seed, JUMP, who, n + _Z), sd, 0.0, 2.0
    # The sum is drawn first, with the same number as without a jump; then it is parted between the two.
    total_variance = sd * sd + size * size
    total = sqrt(total_variance) * normal(seed, JUMP, who, n + _Z)
    jump = total * (size * size / total_variance)
    jump += sd * size / sqrt(total_variance) * normal(seed, JUMP, who, n + _SPLIT)
    return total - jump, sd, jump, uniform(seed, JUMP, who, n + _JUMP_TIME)


@kernel
def drawn_gap(world: World, ticker: int) -> float:
    """Log return of a ticker over the current closed window, earnings apart: given where it is, drawn where it is not."""
    w, e = windows(world)[0], exposures(world)[ticker]
    plan = plan_of(world, ticker, w.close_us)
    if plan >= 0:
        return stock_plans(world)[plan].log_return
    aim, _, jump, _ = own_draw(world, e.key)
    return e.daily_sd * (e.loading * (w.market_aim + w.market_jump) + own_weight(e.loading) * (aim + jump))


@kernel
def plan_of(world: World, ticker: int, close_us: int) -> int:
    """Row of the given return of a ticker from a close, or -1."""
    for row in range(len(stock_plans(world))):
        plan = stock_plans(world)[row]
        if plan.ticker == ticker and plan.from_us == close_us:
            return row
    return -1


@kernel
def is_planned(world: World, close_us: int) -> int:
    """1 where some return from a close is given."""
    for row in range(len(stock_plans(world))):
        plan = stock_plans(world)[row]
        if plan.ticker != NO_TICKER and plan.from_us == close_us:
            return 1
    return 0


@kernel
def candidate_variance(world: World, who: int, candidate: int) -> float:
    """Variance of one of the draws of scale and jump that a given return chooses from (GAP-4)."""
    w = windows(world)[0]
    seed, n = clock(world)[0].seed, w.close_us // SECOND_US * 1024 + candidate
    scale, dispersion, chance, size = law(world, w.kind)
    sd = scale * exp(dispersion * normal(seed, NEWS, who, n))
    jumps = uniform(seed, NEWS, who, n + 512) < chance
    return sd * sd + (size * size if jumps else 0.0)


@kernel
def _fit(world: World, candidate: int) -> tuple[float, float, float]:
    """Log density of the given returns under a candidate's scales, and the market's mean and variance given both.

    The returns are taken one after the other, each updating the market as an observation would (Kalman).
    """
    close_us = windows(world)[0].close_us
    mean, spread, density = 0.0, candidate_variance(world, MARKET_WHO, candidate), 0.0
    for row in range(len(stock_plans(world))):
        plan = stock_plans(world)[row]
        if plan.ticker != NO_TICKER and plan.from_us == close_us:
            e = exposures(world)[plan.ticker]
            own = (1.0 - e.loading * e.loading) * candidate_variance(world, e.key, candidate)
            expected = e.loading * e.loading * spread + own
            miss = plan.log_return / e.daily_sd - e.loading * mean
            density -= 0.5 * (log(expected) + miss * miss / expected)
            gain = e.loading * spread / expected
            mean += gain * miss
            spread -= gain * e.loading * spread
    return density, mean, spread


@kernel
@rare
def _begin_planned(world: World) -> None:
    """Choose the scales in proportion to the density of the given returns, then draw the market (GAP-4)."""
    w, seed = windows(world)[0], clock(world)[0].seed
    highest, _, _ = _fit(world, 0)
    for candidate in range(1, CANDIDATES):
        density, _, _ = _fit(world, candidate)
        highest = max(highest, density)
    total = 0.0
    for candidate in range(CANDIDATES):
        density, _, _ = _fit(world, candidate)
        total += exp(density - highest)
    left = total * uniform(seed, JUMP, MARKET_WHO, w.close_us // SECOND_US * 8 + _JUMPS)
    chosen = 0
    while chosen < CANDIDATES - 1:
        density, _, _ = _fit(world, chosen)
        left -= exp(density - highest)
        if left <= 0.0:
            break
        chosen += 1
    _, mean, spread = _fit(world, chosen)
    w.candidate = chosen
    w.market_aim = mean + sqrt(max(spread, 0.0)) * normal(seed, JUMP, MARKET_WHO, w.close_us // SECOND_US * 8 + _Z)
    w.market_sd = sqrt(candidate_variance(world, MARKET_WHO, chosen))
    w.market_jump = 0.0
    w.market_jump_share = 2.0


@kernel
def next_release_us(world: World, ticker: int, after_us: int) -> int:
    """The first release of a ticker after an instant, or NEVER_US."""
    found_us = NEVER_US
    for row in range(len(earnings(world))):
        release = earnings(world)[row]
        if release.ticker == ticker and after_us < release.release_us < found_us:
            found_us = release.release_us
    return found_us


@kernel
def earnings_jump(world: World, ticker: int, release_us: int) -> float:
    """Log return of an earnings release (GAP-5)."""
    r, e = gap_rules(world)[0], exposures(world)[ticker]
    seed, n = clock(world)[0].seed, release_us // SECOND_US * 8
    scale = r.earnings_size * exp(r.earnings_dispersion * normal(seed, JUMP, e.key, n + 6))
    return e.daily_sd * scale * normal(seed, JUMP, e.key, n + 7)
