"""Venues' arithmetic written out a second time, from their documents and programs alone, against the calculator on any numbers.

Sources are named at each function. Integers are what a program counts in: quote quantums of 1e-6 dollars (dYdX), millionths of
a dollar and billionths of a rate (Drift).
"""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhours.sim.calculator import ask
from offhours.sim.rules import Mistake

MICRO = 10**6
cents = st.integers(1, 10_000_000).map(lambda n: Fraction(n, 100))
fine = st.integers(1, 10**12).map(lambda n: Fraction(n, 10**7))
sizes = st.integers(1, 10**9).map(lambda n: Fraction(n, 10**8))
signs = st.sampled_from([-1, 1])
shares = st.integers(1, 10**6).map(lambda n: Fraction(n, 10**6))
premia = st.lists(st.integers(-(10**8), 10**8).map(lambda n: Fraction(n, 10**9)), min_size=1, max_size=60)


def quo(value: Fraction) -> int:
    """Go's Quo: towards zero."""
    return int(value)


def clamp(value: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return max(low, min(high, value))


# dYdX v4 ----------------------------------------------------------------------------------------------------------------


def quantums(size: Fraction, price: Fraction) -> int:
    """lib/quantums.go, BaseToQuoteQuantums: the quotient of a rational, towards zero."""
    return quo(size * price * MICRO)


def required(value: int, rate: Fraction) -> int:
    """x/perpetuals/lib: BigMulPpm(abs(value), rate, roundUp)."""
    return math.ceil(abs(value) * rate)


@given(
    balance=st.integers(-(10**10), 10**10), size=sizes, sign=signs, price=fine, rate=shares, part=shares,
    others=st.integers(-(10**9), 10**9), needed=st.integers(0, 10**9), fill=st.integers(0, 10**10), fee=shares,
)  # fmt: skip
def test_dydx_closes_a_slice_as_its_program_does(
    balance: int, size: Fraction, sign: int, price: Fraction, rate: Fraction, part: Fraction, others: int, needed: int,
    fill: int, fee: Fraction,
) -> None:  # fmt: skip
    """x/clob/keeper/liquidations.go: GetBankruptcyPriceInQuoteQuantums, GetFillablePrice, GetLiquidationInsuranceFundDelta."""
    held, left = sign * size, sign * (size - size * part)
    value, rest = quantums(held, price), quantums(left, price)
    own, kept = required(value, rate), required(rest, rate)
    if own + needed == 0:
        return
    collateral = balance + value + others
    change = kept - own
    bankruptcy = -(rest - value) - (collateral * abs(change)) // (own + needed)
    account = {
        "balance": Fraction(balance, MICRO), "signed_size": held, "price": price, "maintenance": rate,
        "others_notional": Fraction(others, MICRO), "others_maintenance": Fraction(needed, MICRO),
    }  # fmt: skip
    found = ask("bankruptcy-price", "dydx", **account, close=size * part)
    assert found.value * MICRO == bankruptcy
    delta = ask("insurance-delta", "dydx", **account, close=size * part, fill=Fraction(fill, MICRO), most=fee)
    over = sign * fill - bankruptcy
    assert delta.value * MICRO == (over if over <= 0 else min(over, math.floor(fill * fee)))
    distress = clamp(1 - Fraction(collateral, own + needed), Fraction(0), Fraction(1))
    price_at = (value - distress * Fraction(1, 10) * own) / held / MICRO
    assert ask("fillable-price", "dydx", **account, spread="10 %").value == price_at


@given(notional=st.integers(1, 10**13), initial=shares, fraction=shares, interest=st.integers(0, 10**14), band=st.tuples(st.integers(1, 10**13), st.integers(1, 10**13)))  # fmt: skip
def test_dydx_rounds_margin_up_twice(
    notional: int, initial: Fraction, fraction: Fraction, interest: int, band: tuple[int, int]
) -> None:
    """x/perpetuals/lib: maintenance is a fraction of initial margin already rounded up; GetInitialMarginQuoteQuantums scales it."""
    lower, upper = min(band), max(band) + 1
    found = ask(
        "margin", "dydx", notional=Fraction(notional, MICRO), initial=initial, maintenance_share=fraction,
        open_interest=Fraction(interest, MICRO), lower=Fraction(lower, MICRO), upper=Fraction(upper, MICRO),
    )  # fmt: skip
    place = clamp(Fraction(interest - lower, upper - lower), Fraction(0), Fraction(1))
    assert found["maintenance_margin"] * MICRO == math.ceil(math.ceil(notional * initial) * fraction)
    assert found["initial_margin"] * MICRO == min(notional, math.ceil(notional * (initial + place * (1 - initial))))


def test_dydx_rounds_margin_up_twice_where_it_shows() -> None:
    """61 quantums at 5 % are 3.05, so 4, of which 60 % are 2.4, so 3; at once it would be 1.83, so 2."""
    found = ask("margin", "dydx", notional="0.000061", initial="5 %", open_interest=0, lower=0, upper=0)
    assert found["maintenance_margin"] == Fraction(3, MICRO)


@given(rate=st.integers(-(10**6), 10**6), price=fine, size=sizes, sign=signs, hours=st.integers(1, 8))
def test_dydx_funding_is_never_paid_in_full_by_rounding(
    rate: int, price: Fraction, size: Fraction, sign: int, hours: int
) -> None:
    """x/perpetuals/funding: the index moves towards zero; subaccounts divide what they settle by a million, rounded down."""
    change = quo(rate * price * hours / 8 * Fraction(10) ** (-10 + 6))
    found = ask("funding-payment", "dydx", rate=Fraction(rate, MICRO), price=price, duration=hours, signed_size=sign * size)  # fmt: skip
    assert found["index_change"] == change
    settled = math.floor(-change * (sign * size * 10**10) / MICRO)
    assert -found.value * MICRO == settled


def test_more_than_a_position_cannot_be_closed() -> None:
    account: dict[str, Any] = {"balance": 0, "signed_size": "0.1", "price": 50_000, "maintenance": "10 %"}
    with pytest.raises(Mistake, match="has no closed for these numbers"):
        ask("bankruptcy-price", "dydx", **account, close="0.2")


# Drift v2 -----------------------------------------------------------------------------------------------------------------


@given(mark=st.integers(1, 10**9), index=st.integers(1, 10**9), tier=st.sampled_from([33, 20, 10]))
def test_drift_adds_its_offset_before_it_holds_the_spread(mark: int, index: int, tier: int) -> None:
    """controller/funding.rs, update_funding_rate: spread + oracle / 5000, within oracle / 33, / 20 or / 10, x 1000 / 24, integers."""
    most = index // tier
    held = max(-most, min(most, mark - index + index // 5_000))
    found = ask("funding-rate", "drift", mark=Fraction(mark, MICRO), index=Fraction(index, MICRO), clamp=f"1/{tier}", offset="1/5000")  # fmt: skip
    assert found["per_unit"] * 10**9 == quo(Fraction(held * 1_000, 24))
    assert found.value == found["per_unit"] / Fraction(index, MICRO)


def test_drifts_hourly_rate_never_exceeds_what_its_page_says() -> None:
    """Documentation, funding rates: at most 0.125 % an hour in tier B or better, 0.208 % in C, 0.4167 % below (to the digits printed)."""
    for tier, most in ((33, 0.00126263), (20, 0.00208333), (10, 0.00416667)):
        found = ask("funding-rate", "drift", mark=200, index=100, clamp=f"1/{tier}", offset="1/5000")
        assert float(found.value) == pytest.approx(most, rel=1e-5)
    assert ask("funding-rate", "drift-rate", premiums="50 %").value == Fraction(4_166_666, 10**9)
    assert ask("funding-rate", "drift-rate", premiums="-50 %").value == -Fraction(4_166_666, 10**9)


# Rates of other venues ------------------------------------------------------------------------------------------------------


@given(premiums=premia)
def test_okx_before_and_after_april_2025(premiums: list[Fraction]) -> None:
    """OKX, announcement of the new formula: until then clamp(MA(premium - interest), cap); since then with a clamped interest."""
    mean = sum(premiums, Fraction(0)) / len(premiums)
    before = ask("funding-rate", "okx-2024", premiums=premiums, interest="0.003 %")
    assert before.value == clamp(mean - Fraction(3, 10**5), Fraction(-15, 1_000), Fraction(15, 1_000))
    since = ask("funding-rate", "okx", premiums=premiums)
    weighted = sum((k * p for k, p in enumerate(premiums, 1)), Fraction(0)) / (len(premiums) * (len(premiums) + 1) // 2)
    pulled = weighted + clamp(Fraction(1, 10**4) - weighted, Fraction(-5, 10**4), Fraction(5, 10**4))
    assert abs(since.value - clamp(pulled, Fraction(-15, 1_000), Fraction(15, 1_000))) <= Fraction(2, 10**9)
    assert ask("premium", "okx-2024", bid=99, ask=102, index=100).value == Fraction(5, 1_000)


@given(premiums=premia, interest=st.integers(-(10**4), 10**4).map(lambda n: Fraction(n, 10**8)))
def test_lighter_pays_an_eighth_and_interest(premiums: list[Fraction], interest: Fraction) -> None:
    """Lighter documentation, funding: 1 h mean of premiums / 8 + interest rate component, within -0.5 % and 0.5 %."""
    mean = sum(premiums, Fraction(0)) / len(premiums)
    found = ask("funding-rate", "lighter", premiums=premiums, interest=interest).value
    assert found == clamp(mean / 8 + interest, Fraction(-5, 1_000), Fraction(5, 1_000))


@given(mark=cents, index=cents, size=sizes, sign=signs, minutes=st.integers(0, 480))
def test_deribits_payment_is_damped_and_capped_as_its_rate_is(
    mark: Fraction, index: Fraction, size: Fraction, sign: int, minutes: int
) -> None:
    """Deribit, funding specifications: funding rate x position size x (time / 8 h); within +-0.025 % of premium it is nothing."""
    premium = (mark - index) / index
    damper = Fraction(25, 10**5)
    rate = 0 if abs(premium) <= damper else premium - damper if premium > 0 else premium + damper
    rate = clamp(Fraction(rate), Fraction(-5, 1_000), Fraction(5, 1_000))
    found = ask("funding-payment", "deribit", mark=mark, index=index, signed_size=sign * size, duration=Fraction(minutes, 60))  # fmt: skip
    assert found.value == rate * index * sign * size * Fraction(minutes, 480)


@given(premiums=premia)
def test_hyperliquid_and_trade_xyz_pay_an_eighth_of_a_rate_of_eight_hours(premiums: list[Fraction]) -> None:
    """Hyperliquid docs, funding: F = P + clamp(0.01 % - P, -0.05 %, 0.05 %) for 8 h, an eighth an hour; trade.xyz half of it."""
    mean = sum(premiums, Fraction(0)) / len(premiums)
    eight = mean + clamp(Fraction(1, 10**4) - mean, Fraction(-5, 10**4), Fraction(5, 10**4))
    for venue, scale in (("hyperliquid", 1), ("trade-xyz", Fraction(1, 2))):
        wanted = clamp(eight * scale / 8, Fraction(-4, 100), Fraction(4, 100))
        assert abs(ask("funding-rate", venue, premiums=premiums).value - wanted) <= Fraction(3, 10**9)


@given(premiums=st.lists(st.integers(-(10**8), 10**8).map(lambda n: Fraction(n, 10**9)), min_size=60, max_size=60))
def test_krakens_hour_is_the_middle_thirty_over_24(premiums: list[Fraction]) -> None:
    """Kraken support, funding of linear perpetuals: sorted, samples 16 to 45 averaged, n = 24, within 0.25 %."""
    middle = sum(sorted(premiums)[15:45], Fraction(0)) / 30
    wanted = clamp(middle / 24, Fraction(-25, 10**4), Fraction(25, 10**4))
    assert abs(ask("funding-rate", "kraken", premiums=premiums).value - wanted) <= Fraction(2, 10**9)


# Marks and indices ----------------------------------------------------------------------------------------------------------


@given(index=cents, basis=st.integers(-(10**4), 10**4), book=st.tuples(cents, cents, cents), others=st.lists(cents, max_size=5), own=cents)  # fmt: skip
def test_hyperliquids_mark_is_the_median_of_its_three_inputs(
    index: Fraction, basis: int, book: tuple[Fraction, ...], others: list[Fraction], own: Fraction
) -> None:
    """Hyperliquid docs, robust price indices; other venues weigh 3, 2, 2, 1, 1, and without them a 30 s average is the third."""
    given_ = {"index": index, "average_premium": basis, "bid": book[0], "ask": book[1], "last": book[2]}
    first, second = index + basis, statistics.median(book)
    if others:
        expanded = sorted(p for p, weight in zip(others, (3, 2, 2, 1, 1)) for _ in range(weight))
        third = expanded[(len(expanded) - 1) // 2]
        found = ask("mark", "hyperliquid", **given_, others=others)
        assert found.value == statistics.median([first, second, third])
    alone = ask("mark", "hyperliquid-alone", **given_, own_average=own)
    assert alone.value == statistics.median([first, second, own])


def test_a_capped_index_takes_its_weights() -> None:
    """Binance, price index FAQ: 21,400 counts as 20,600 and 18,800 as 19,400, each by its weight; OKX holds them within 2 %."""
    prices = "21400, 20000, 18800"
    assert ask("index", "binance", sources=prices, weights="2, 1, 1").value == Fraction(2 * 20_600 + 20_000 + 19_400, 4)
    assert ask("index", "okx", sources=prices, weights="1, 1, 2").value == Fraction(20_400 + 20_000 + 2 * 19_600, 4)


@pytest.mark.parametrize(
    ("venue", "given_"),
    [
        ("binance", {"sources": "1, 2, 3", "weights": "1, 2"}),
        ("bybit", {"sources": "1, 2, 3", "weights": "1, 2"}),
        ("hyperliquid", {"sources": "1, 2, 3, 4, 5, 6, 7, 8, 9"}),
    ],
)
def test_no_source_is_dropped_for_want_of_a_weight(venue: str, given_: dict[str, str]) -> None:
    with pytest.raises(Mistake, match="lists that belong together have"):
        ask("index", venue, **given_)


@pytest.mark.parametrize("nothing", ["none", "", []])
def test_an_empty_list_is_one_sentence_where_a_form_needs_it(nothing: Any) -> None:
    """Only what a form can do without may be none."""
    for question, venue, name in (("index", "binance", "sources"), ("funding-rate", "kraken", "premiums"), ("impact-price", "size", "levels")):  # fmt: skip
        with pytest.raises(Mistake, match=f"{name}: the list is empty"):
            ask(question, venue, **{name: nothing}, **({"size": 1} if name == "levels" else {}))
    assert ask("index", "binance", sources="1, 3", weights=nothing).value == 2


@pytest.mark.parametrize(
    ("question", "venue", "given_", "name"),
    [
        ("funding-rate", "binance", {"premiums": "1 %", "scale": "1000 %"}, "rate"),
        ("funding-rate", "kraken", {"premiums": "1 %, 2 %", "kept": "1000 %"}, "average"),
        ("funding-rate", "kraken", {"premiums": "1 %, 2 %", "kept": "0"}, "average"),
        ("insurance-room", "drawdown", {"level": 100, "loss": 1, "stop": "-5 %"}, "stays"),
        ("token", "fee", {"fee_a_year": "1000 %"}, "fee_a_day"),
    ],
)
def test_what_no_venue_could_have_is_a_sentence(question: str, venue: str, given_: dict[str, Any], name: str) -> None:
    with pytest.raises(Mistake, match=f"has no {name} for these numbers"):
        ask(question, venue, **given_)


def test_a_number_of_digits_beyond_all_reckoning_is_a_sentence() -> None:
    with pytest.raises(Mistake, match="exponent: 1000000 is not between -16 and 16"):
        ask("funding-payment", "dydx", rate="1 %", price=100, exponent=1_000_000)


def test_a_thin_book_has_no_price() -> None:
    """No number stands for a price that there is not, alone or in the middle of two."""
    assert ask("impact-price", "size", levels="1@99", size=5).text == "none: the book is too thin"
    assert ask("impact-price", "value", levels="1@99", impact=100).text == "none: the book is too thin"
    with pytest.raises(Mistake, match="has no impact_bid for these numbers"):
        ask("index", "kraken", bids="1@99", asks="10@101", size=5)
    with pytest.raises(Mistake, match="has no impact_ask for these numbers"):
        ask("index", "kraken", bids="9@99", asks="1@101", size=5)


def test_lighter_blends_what_is_stale_with_what_is_not() -> None:
    """Lighter, pricing of real-world assets: weight x exp(-dt / tau); index within P (1 -+ (1 / L - 0.5 %)), mark within P (1 -+ 1 / L)."""
    found = ask("index", "lighter", quoted=100, own_average=105, elapsed="3h", leverage_max=10)
    assert float(found.value) == pytest.approx(105 - 5 * math.exp(-1), rel=1e-12)
    held = ask("index", "lighter", quoted=100, own_average=120, elapsed="3h", leverage_max=10)
    assert float(held.value) == pytest.approx(109.5 - 9.5 * math.exp(-1), rel=1e-12)
    own = ask("index", "lighter-internal", own_average=100, impact_mid=110, elapsed="2h")
    assert float(own.value) == pytest.approx(110 - 10 * math.exp(-1), rel=1e-12)
    assert [float(p) for p in ask("price-band", "lighter-index", price=200, leverage_max=10).value] == [181, 219]
    assert [float(p) for p in ask("price-band", "lighter", price=200, leverage_max=10).value] == [180, 220]


# Accounts of several positions ------------------------------------------------------------------------------------------------


@given(size=sizes, sign=signs, price=cents, equity=st.integers(1, 10**6), others=st.integers(0, 10**6), leverage=st.integers(1, 50))  # fmt: skip
def test_a_liquidation_price_counts_what_the_other_positions_need(
    size: Fraction, sign: int, price: Fraction, equity: int, others: int, leverage: int
) -> None:
    """Cross margin: at that price equity is the maintenance margin of all positions; every form that knows of them agrees."""
    rate = Fraction(1, 2 * leverage)
    side = "long" if sign > 0 else "short"
    at = {
        "hyperliquid": {"side": side, "size": size, "leverage_max": leverage},
        "trade-xyz": {"side": side, "size": size, "leverage_max": leverage},
        "lighter": {"side": side, "size": size, "initial": 2 * rate, "maintenance_share": "50 %"},
        "dydx": {"signed_size": sign * size, "maintenance": rate},
        "account": {"signed_size": sign * size, "maintenance": rate},
        "deribit": {"signed_size": sign * size, "maintenance": rate, "slope": 0},
    }
    for venue, how in at.items():
        found = ask("liquidation-price", venue, price=price, equity=equity, others_maintenance=others, **how).value
        assert equity + sign * size * (found - price) == rate * size * found + others, venue


@given(balances=st.lists(st.tuples(st.integers(-(10**6), 10**6), shares), min_size=1, max_size=5), profit=st.integers(-(10**6), 10**6))  # fmt: skip
def test_krakens_margin_equity_takes_haircuts_off(balances: list[tuple[int, Fraction]], profit: int) -> None:
    """Kraken support, multi-collateral futures: sum of balance x (1 - haircut), and what positions have gained or lost."""
    found = ask("margin-equity", "kraken", balances=[b for b, _ in balances], haircuts=[h for _, h in balances], profit=profit)  # fmt: skip
    assert found.value == sum((b - b * h for b, h in balances), Fraction(profit))
    with pytest.raises(Mistake, match="has no counted"):
        ask("margin-equity", "kraken", balances="1, 2", haircuts="10 %")


@given(side=st.sampled_from(["long", "short"]), price=cents, equity=st.integers(1, 10**6), share=shares, more=st.integers(0, 10**6), size=sizes, part=shares)  # fmt: skip
def test_a_fill_at_lighters_zero_price_changes_no_ratio(
    side: str, price: Fraction, equity: int, share: Fraction, more: int, size: Fraction, part: Fraction
) -> None:
    """Lighter documentation: account value over maintenance requirement stays the same, whatever is filled there."""
    sign = 1 if side == "long" else -1
    kept = size * price * share + more
    found = ask(
        "bankruptcy-price", "lighter", side=side, price=price, equity=equity, maintenance=share, margin_kept=kept
    )
    closed = size * part
    after = equity + sign * closed * (found.value - price)
    assert after * kept == equity * (kept - closed * price * share)


def test_lighters_margins_are_those_of_its_table() -> None:
    """Contract specifications: BTC 2 %, 1.2 %, 0.8 %; DOT 12.5 %, 7.5 %, 5 %."""
    for initial, kept, closing in ((2, 1.2, 0.8), (12.5, 7.5, 5)):
        found = ask("margin", "lighter", size=1, price=100, initial=f"{initial} %")
        assert (float(found["maintenance_margin"]), float(found["closeout_margin"])) == (kept, closing)


@given(side=st.sampled_from(["long", "short"]), contracts=st.integers(1, 10**6), entry=cents, part=st.integers(1, 99), point=st.integers(1, 1000))  # fmt: skip
def test_bitmex_contracts_in_coin_are_worth_nothing_at_their_bankruptcy_price(
    side: str, contracts: int, entry: Fraction, part: int, point: int
) -> None:
    """BitMEX: margin and result sum to nothing: inverse contracts (1 / entry - 1 / price), quanto contracts point x (price - entry)."""
    sign = 1 if side == "long" else -1
    margin = contracts / entry * Fraction(part, 100)
    inverse = ask(
        "bankruptcy-price", "bitmex-inverse", side=side, contracts=contracts, entry=entry, margin=margin
    ).value
    assert margin + sign * contracts * (1 / entry - 1 / inverse) == 0
    value = Fraction(point, 10**8)
    margin = contracts * entry * value * Fraction(part, 100)
    quanto = ask("bankruptcy-price", "bitmex-quanto", side=side, contracts=contracts, entry=entry, margin=margin, point_value=value).value  # fmt: skip
    assert margin + sign * contracts * value * (quanto - entry) == 0


# Ranks ------------------------------------------------------------------------------------------------------------------------


@given(profit=st.integers(-(10**6), 10**6), wallet=st.integers(-(10**6), 10**6), kept=st.integers(0, 10**5))
def test_binance_ranks_by_profit_over_the_wallet(profit: int, wallet: int, kept: int) -> None:
    """Binance FAQ, auto-deleveraging: max(0, UPnL) / max(1, wallet) x maintenance margin / (wallet + UPnL), 0 where that is none."""
    ratio = Fraction(kept, wallet + profit) if wallet + profit > 0 else 0
    wanted = Fraction(max(0, profit), max(1, wallet)) * ratio
    found = ask("adl-score", "binance", profit=profit, margin_kept=kept, equity=wallet + profit)
    assert float(found.value) == pytest.approx(float(wanted), rel=1e-12)


def test_binance_ranks_the_example_of_its_forum() -> None:
    """dev.binance.vision, 17801: profit 40.2 on a wallet of 4.27, margin ratio 13.42 %: 941 % x 13.42 % = 1.26."""
    equity = Fraction("44.47")
    found = ask("adl-score", "binance", profit="40.2", margin_kept=equity * Fraction("0.1342"), equity=equity)
    assert float(found.value) == pytest.approx(1.26, abs=0.005)


# What is no whole number, and what is a ratio -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "venue", "given_", "name"),
    [
        ("funding-rate", "binance", {"premiums": "1 %", "divisor": "1.5"}, "divisor"),
        ("partial-size", "okx", {"size": 100, "tier": "2.5", "limits": "10, 20, 30"}, "tier"),
        ("queue-light", "binance", {"place": "1.5", "count": 10}, "place"),
        ("token", "fee", {"fee_a_year": "1 %", "days": "0.5"}, "days"),
        ("socialised-loss", "vega", {"gains": "10.5, 20", "shortfall": 5}, "gains"),
    ],
)
def test_what_must_be_whole_is_not_cut_off(question: str, venue: str, given_: dict[str, Any], name: str) -> None:
    with pytest.raises(Mistake, match="is not a whole number") as caught:
        ask(question, venue, **given_)
    assert name in str(caught.value)


def test_a_place_beyond_the_queue_is_none() -> None:
    for form in ("binance", "kraken"):
        for place in (0, 21):
            with pytest.raises(Mistake, match="place: "):
                ask("queue-light", form, place=place, count=20)
    assert [int(ask("queue-light", "binance", place=p, count=20).value) for p in (1, 4, 5, 20)] == [5, 5, 4, 1]


def test_a_ratio_is_a_number() -> None:
    assert ask("funding-rate", "drift", mark=60, index=49, clamp="1/33")["clamp"] == Fraction(1, 33)
    for text in ("1/0", "1/", "/3", "1/2/3"):
        with pytest.raises(Mistake):
            ask("funding-rate", "drift", mark=60, index=49, clamp=text)
