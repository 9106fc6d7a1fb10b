"""A scenario file becomes one value: what it says, what was set on top, and one sentence for each mistake."""

# The tables of mistakes read best with one a line.

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.experiments.scenario import CONTROLS, Scenario, every_knob, read_scenario, scenario, scenarios
from offhours.sim.declare import A, Column, Knob
from offhours.sim.market import brackets, halts
from offhours.sim.mistake import Mistake
from plain.fresh import printed


class Retail:
    """A population for these tests."""

    leverage_milli: A[int, Knob("5x", "leverage", "1x", "150x", "wanted leverage", basis="chosen: for a test")]
    patience_us: A[int, Knob("1h", "us", "1 s", "30 days", "time between looks", basis="chosen: for a test")]
    taste: A[float, Knob("0.5", "real", "0", "1", "a plain number", basis="chosen: for a test")]
    seen_us: A[int, Column("i8", "us", "when it last looked")]


class Arbitrageur:
    """Another."""

    hurdle_ppb: A[int, Knob("5 %", "ppb", "0 %", "100 %", "what it must earn", basis="chosen: for a test")]


KNOWN: Mapping[str, type] = {"retail": Retail, "arbitrageur": Arbitrageur}

TEXT = """
question = "What happens?"
venue = "kraken"
tickers = ["TSLAx", "SPYx"]
measure_from = "2026-03-06 09:30"
end = "2026-03-10 16:00"
controls = ["always-open", "calm"]

[perp.funding]
cap = "0.5 %"

[asset.SPYx.perp.funding]
cap = "0.1 %"

[control.calm]
"gap.TSLAx.change" = "0 %"

[[gap]]
ticker = "TSLAx"
from = "2026-03-06 16:00"
to = "2026-03-09 09:30"
change = "-8 %"

[[group]]
name = "tourists"
population = "retail"
count = 200
latency = "100 ms"
leverage = "20x"
taste = { law = "uniform", low = 0.2, high = 0.4 }
size = { law = "pareto", exponent = 0.8, median = "$500" }

[[group]]
name = "funds"
population = "arbitrageur"
count = 5
endowment = { usd = "$1M", broker_usd = "$1M", tokens = { TSLAx = "100 shares" }, shares = "$50,000" }
"""


def build(text: str = TEXT, **changes: Any) -> Scenario:
    return read_scenario(text, "mine.toml", None, changes, known=KNOWN)


def test_what_the_file_says() -> None:
    s = build()
    assert (s.name, s.tickers, s.headline, s.regime) == ("mine", ("TSLAx", "SPYx"), "TSLAx", "mature")
    assert [g.change_ppb for g in s.gaps] == [-80_000_000]
    tourists = s.group("tourists")
    assert (tourists.count, tourists.latency_us, tourists.isolated) == (200, 100_000, False)
    assert s.rules.setting("perp.funding.cap", "TSLAx").text == "0.5 %"
    assert s.rules.setting("perp.funding.cap", "SPYx").text == "0.1 %"
    # Friday 09:30 in New York is 14:30 UTC before the clock change; Tuesday 16:00 is 20:00 UTC after it.
    assert s.measure_from_us == np.datetime64("2026-03-06T14:30", "us").astype(int)
    assert s.end_us == np.datetime64("2026-03-10T20:00", "us").astype(int)


def test_a_warm_up_of_trading_days_begins_with_an_open() -> None:
    # Ten sessions before Friday 6 March is Friday 20 February, 09:30 in winter time.
    assert build().start_us == np.datetime64("2026-02-20T14:30", "us").astype(int)
    assert build(warm_up="2 days").start_us == np.datetime64("2026-03-04T14:30", "us").astype(int)
    assert build(start="2026-03-01 12:00").start_us == np.datetime64("2026-03-01T17:00", "us").astype(int)


def test_given_moves_and_earnings_are_rows_for_the_stock() -> None:
    s = build(TEXT + "\n[[earnings]]\nticker = 'SPYx'\nat = '2026-03-09 16:05'\n", **{"gap.TSLAx.surprise": "25 %"})
    (plan,) = s.plans()
    assert (plan["ticker"], plan["from_us"], plan["to_us"]) == (0, s.gaps[0].from_us, s.gaps[0].to_us)
    assert plan["log_return"] == pytest.approx(math.log(0.92), rel=1e-15) and plan["surprise"] == 0.25
    (release,) = s.releases()
    assert (release["ticker"], release["release_us"]) == (1, np.datetime64("2026-03-09T20:05", "us").astype(int))


HALT = "\n[[halt]]\nticker = '{}'\nfrom = '{}'\nto = '{}'\n"


def test_given_halts_are_rows_for_the_market_and_count_in_the_digest() -> None:
    """HALT-2: one for a ticker, one for all; on a Monday after the clocks went forward."""
    one, all_ = HALT.format("SPYx", "2026-03-09 11:00", "2026-03-09 12:15"), HALT.format("all", "2026-03-09 15:00", "2026-03-09 16:00")  # fmt: skip
    s = build(TEXT + one + all_)
    rows = s.halt_rows()
    assert rows["ticker"].tolist() == [1, halts.EVERYBODY]
    assert rows["from_us"][0] == np.datetime64("2026-03-09T15:00", "us").astype(int)
    assert rows["until_us"][1] == np.datetime64("2026-03-09T20:00", "us").astype(int)
    assert len({s.digest, build(TEXT + one).digest, build().digest}) == 3


@pytest.mark.parametrize(
    ("ticker", "begin", "end", "says"),
    [
        ("SPYx", "2026-03-09 08:00", "2026-03-09 10:00", "halt.from"),
        ("SPYx", "2026-03-08 11:00", "2026-03-08 12:00", "halt.from"),
        ("SPYx", "2026-03-09 15:00", "2026-03-09 16:01", "16:00"),
        ("SPYx", "2026-03-09 15:00", "2026-03-09 15:00", "halt.to"),
        ("SPY", "2026-03-09 15:00", "2026-03-09 15:30", "'SPY'"),
    ],
)
def test_a_halt_outside_regular_hours_is_refused(ticker: str, begin: str, end: str, says: str) -> None:
    with pytest.raises(Mistake, match=says):
        build(TEXT + HALT.format(ticker, begin, end))


def test_members_are_drawn_from_their_groups_laws() -> None:
    tourists = build().group("tourists")
    drawn = tourists.draw(seed=7)
    assert set(drawn) == {"leverage_milli", "patience_us", "taste"}
    assert set(drawn["leverage_milli"]) == {20_000} and set(drawn["patience_us"]) == {3_600_000_000}
    assert len(set(drawn["taste"])) == 200
    usd = tourists.endow(7, {"TSLAx": 400_000_000, "SPYx": 600_000_000}).usd_uusd
    assert usd.max() / usd.sum() == pytest.approx(0.15, abs=1e-6)


def test_an_endowment_is_in_shares_or_in_dollars_worth() -> None:
    has = build().group("funds").endow(7, {"TSLAx": 400_000_000, "SPYx": 600_000_000})
    assert has.usd_uusd.tolist() == [10**12] * 5
    assert has.tokens_ushares.tolist() == [[100_000_000, 0]] * 5
    assert has.shares_ushares[0].tolist() == [125_000_000, 83_333_333]


def test_growing_one_group_leaves_all_others_draws_unchanged() -> None:
    few, many = build(), build(**{"group.funds.count": "50"})
    before, after = few.group("tourists").draw(7), many.group("tourists").draw(7)
    assert all(np.array_equal(before[column], after[column]) for column in before)


def test_anything_can_be_set_by_name() -> None:
    s = build(
        **{
            "group.tourists.count": "0",
            "group.tourists.leverage": '{ law = "choice", values = ["5x", "10x"] }',
            "group.funds.endowment.usd": "$2M",
            "gap.TSLAx.change": "-10 %",
            "perp.margin.leverage_max": 10,
            "TSLAx.perp.funding.cap": "1 %",
            "end": "2026-03-09 16:00",
        }
    )
    assert s.group("tourists").count == 0
    assert s.group("tourists").laws["leverage_milli"].canonical() == ["choice", [5_000, 10_000], [1.0, 1.0]]
    assert s.group("funds").usd.canonical() == ["constant", 2 * 10**12]
    assert s.gaps[0].change_ppb == -100_000_000
    assert list(s.rules[brackets.margin_rules]["leverage_max_milli"]) == [10_000] * 2
    assert s.rules.setting("perp.funding.cap", "TSLAx").text == "1 %"
    assert s.end_us < build().end_us


def test_changes_add_up_and_the_scenario_they_came_from_stays() -> None:
    s = build()
    one = s.with_changes({"group.tourists.count": 0})
    two = one.with_changes({"perp.margin.leverage_max": "10x", "group.tourists.count": 7})
    assert [x.group("tourists").count for x in (s, one, two)] == [200, 0, 7]
    assert s.with_changes({}) == s and "count = 200" in s.to_toml()
    assert dict(two.changes) == {"group.tourists.count": 7, "perp.margin.leverage_max": "10x"}
    assert [d.name for d in one.differences()] == ["perp.funding.cap", "perp.funding.cap"]
    assert [d.ticker for d in one.differences()] == ["TSLAx", "SPYx"]


def test_the_digest_is_of_the_market_not_of_the_words() -> None:
    s = build()
    assert s == build(
        TEXT.replace("What happens?", "Why?").replace('"0.5 %"', '"50 bp"').replace('"100 ms"', '"0.1 s"')
    )
    assert s.digest == s.full_digest[:12]
    others = [
        build(**change)
        for change in (
            {"group.tourists.count": 199}, {"group.tourists.latency": "99 ms"}, {"group.tourists.leverage": "19x"},
            {"group.tourists.mode": "isolated"}, {"group.funds.endowment.tokens": "1"}, {"gap.TSLAx.surprise": "1 %"},
            {"always_open": "true"}, {"end": "2026-03-10 16:01"}, {"perp.fees.taker": "0.06 %"}, {"warm_up": "1 day"},
        )
    ]  # fmt: skip
    assert len({s.digest, *(other.digest for other in others)}) == len(others) + 1


def test_a_scenario_written_down_and_read_again_is_the_same() -> None:
    s = build(**{"group.tourists.taste": '{ law = "lognormal", median = 0.5, sigma = 0.1 }', "perp.margin.class": "E"})
    again = read_scenario(s.to_toml(), "mine.toml", None, known=KNOWN)
    assert again == s and again.changes and again.question == s.question
    assert again.to_toml() == s.to_toml()


def test_values_of_a_users_file_are_written_in(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("equity\n$100\n$200\n")
    text = TEXT.replace('size = { law = "pareto", exponent = 0.8, median = "$500" }', 'size = { file = "accounts.csv", column = "equity" }')  # fmt: skip
    (tmp_path / "own.toml").write_text(text)
    s = scenario(tmp_path / "own.toml", known=KNOWN)
    assert s.group("tourists").usd.canonical() == ["list", [10**8, 2 * 10**8]]
    assert read_scenario(s.to_toml(), "own.toml", None, known=KNOWN) == s


def test_controls_are_changes_on_the_same_luck() -> None:
    s = build()
    assert s.control("always-open").always_open and not s.always_open
    assert s.control("calm").gaps[0].change_ppb == 0
    assert s.control("no-arbitrage").group("funds").count == 0
    assert s.control("no-leverage").rules.setting("perp.margin.leverage_max").text == "1x"
    for name in CONTROLS:
        assert s.control(name) != s


def test_a_token_may_follow_a_spot_rulebook() -> None:
    """`spot` is part of the scenario's file or of --set, stays when the venue changes, and has a digest of its own."""
    own = build(spot="ftx-2020")
    assert own.rules.setting("issuer.settlement").text == "3 days"
    assert own.at_venue("bitmex").rules.title.endswith("tokens by FTX tokenized stocks, 2020 to 2022")
    assert own.digest != build().digest
    with pytest.raises(Mistake, match=r"there is no venue 'ftx-2021'.*ftx-2020"):
        build(spot="ftx-2021")


def test_a_scenario_before_its_rulebook_is_hypothetical() -> None:
    assert "the rulebook of Kraken xStocks perps and token spot is of 2026-04-29, the scenario of 2026-03-06" in (
        build().hypothetical
    )
    late = (
        TEXT.replace("2026-03-06", "2026-05-08").replace("2026-03-09", "2026-05-11").replace("2026-03-10", "2026-05-12")
    )
    assert build(late).hypothetical == ""


def test_whoever_spoke_before_the_class_was_chosen_is_limited_not_refused() -> None:
    assert build(**{"perp.margin.class": "E"}).group("tourists").draw(7)["leverage_milli"][0] == 20_000


def test_the_scenarios_that_come_with_it() -> None:
    assert {"calm-week", "weekend-gap"} <= set(scenarios())


MISTAKES = [
    ({"perp.margin.levrage_max": "10x"}, "--set: perp.margin.levrage_max: there is no such knob; did you mean perp.margin.leverage_max?"),
    ({"perp.funding.interval": "20x"}, "--set: perp.funding.interval: '20x' is not a duration; write like '8h' or '30 s' (interval: time between"),
    ({"perp.margin.leverage_max": "50x"}, "--set: perp.margin.leverage_max = '50x': at most 20x, the most that margin class D lends"),
    ({"group.tourists.leverage": "50x"}, "--set: group.tourists.leverage = '50x': at most 20x, the most that margin class D lends"),
    ({"group.tourists.levrage": "5x"}, "--set: group.tourists.levrage: the population 'retail' has no knob 'levrage'; did you mean leverage?"),
    ({"group.turists.count": "5"}, "--set: group.turists.count: there is no group 'turists'; there are tourists, funds; did you mean tourists?"),
    ({"group.tourists.count": "many"}, "--set: group.tourists.count: 'many' is not a count"),
    ({"group.tourists.endowment.eur": "5"}, "group.tourists.endowment.eur: an endowment has no 'eur'"),
    ({"group.tourists.endowment.usd": "5"}, "group.tourists.size: give a size or endowment.usd, not both"),
    ({"group.tourists.count.x": "5"}, "--set: group.tourists.count.x: count is one value, not a table"),
    ({"gap.SPYx.change": "5 %"}, "--set: gap.SPYx.change: there is no gap 'SPYx'; there are TSLAx"),
    ({"gap.TSLAx.change": "-95 %"}, "--set: gap.TSLAx.change: '-95 %' is not between -90 % and 900 %"),
    ({"end": "2026-03-06 09:00"}, "--set: end = '2026-03-06 09:00': must be later than measure_from"),
    ({"end": "2026-03-08 02:30"}, "--set: end: "),
    ({"end": "next Monday"}, "--set: end: "),
    ({"start": "2026-03-07 00:00"}, "--set: start = '2026-03-07 00:00': must not be later than measure_from"),
    ({"warm_up": "30 years"}, "--set: warm_up = '30 years': is written like '10 trading days' or '2 weeks'"),
    ({"warm_up": "2000 weeks"}, "--set: warm_up = '2000 weeks': "),
    ({"warm_up": "9000 trading days"}, "--set: warm_up = '9000 trading days': "),
    ({"warm_up": "a while"}, "--set: warm_up = 'a while': is written like '10 trading days' or '2 weeks'"),
    ({"headline": "AAPLx"}, "--set: headline: there is no ticker 'AAPLx'; there are TSLAx, SPYx"),
    ({"TSLA.perp.funding.cap": "1 %"}, "--set: TSLA.perp.funding.cap: there is no ticker 'TSLA'; there are"),
    ({"venue": "kracken"}, "there is no venue 'kracken'"),
    ({"regime": "old"}, "--set: regime: 'old' is not one of mature, launch"),
    ({"always_open": "maybe"}, "--set: always_open: 'maybe' is not a yes or no"),
    ({"perp.margin.class": "Z"}, "there is no margin class 'Z'; there are flat, flat20, A, B, C, D"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), MISTAKES, ids=lambda x: x if isinstance(x, str) else "")
def test_each_mistake_on_the_command_line_is_one_sentence(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(Mistake) as mistake:
        build(**changes)
    assert sentence in str(mistake.value)
    assert "\n" not in str(mistake.value)


FILE_MISTAKES = [
    ("[[group]", "[[grou", "mine.toml: is not TOML"),
    ("count = 200", "count = 200\ncount = 3", "mine.toml: is not TOML"),
    ("[perp.funding]", "[perp.fundin]", "mine.toml: perp.fundin.cap: there is no such knob; did you mean perp.funding.cap?"),
    ('venue = "kraken"', "", "mine.toml: venue: is missing (venue: whose rulebook"),
    ('"TSLAx", "SPYx"', '"TSLAx", "SPY"', "mine.toml: tickers: there is no ticker 'SPY'; there are"),
    ('"TSLAx", "SPYx"', '"TSLAx", "TSLAx"', "each ticker is named once"),
    ('question = "', 'qestion = "', "mine.toml: qestion: a scenario has no 'qestion'; did you mean question?"),
    ('"always-open", "calm"', '"always-opn"', "there is no control 'always-opn'; there are always-open"),
    ('end = "2026-03-10 16:00"', 'end = "2026-03-01 16:00"', "mine.toml: end = '2026-03-01 16:00': must be later"),
    ('end = "2026-03-10 16:00"', "", "mine.toml: end: is missing (end: when the run ends, New York time)"),
    ('from = "2026-03-06 16:00"', 'from = "2026-03-06 15:00"', "gap.from = '2026-03-06 15:00': is not the close of"),
    ('to = "2026-03-09 09:30"', 'to = "2026-03-08 09:30"', "gap.to = '2026-03-08 09:30': is not the next regular open, which is Mon 2026-03-09 09:30"),
    ('to = "2026-03-09 09:30"', 'to = "2026-03-05 09:30"', "gap.to = '2026-03-05 09:30': must be later than from"),
    ('change = "-8 %"', 'chnge = "-8 %"', "mine.toml: gap.chnge: a gap has no 'chnge'; did you mean change?"),
    ('population = "retail"', 'population = "retial"', "there is no population 'retial'; there are retail, arbitrageur; did"),
    ('name = "funds"', 'name = "tourists"', "each group has a name of its own"),
    ('leverage = "20x"', 'leverage = "25x"', "mine.toml: group.tourists.leverage = '25x': at most 20x"),
    ('leverage = "20x"', 'leverage = "20 %"', "mine.toml: group.tourists.leverage: '20 %' is not a leverage"),
    ('latency = "100 ms"', "latency = [1]", "mine.toml: group.tourists.latency: is one value for the whole group"),
    ("[control.calm]", "[control.clam]", "there is no control 'calm'"),
    ("[perp.funding]", "[set]\nx = 1\n[perp.funding]", "--set: x: there is no such knob"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "sentence"), FILE_MISTAKES, ids=[m[1][:30] for m in FILE_MISTAKES])
def test_each_mistake_in_a_file_is_one_sentence(right: str, wrong: str, sentence: str) -> None:
    assert right in TEXT
    with pytest.raises(Mistake) as mistake:
        build(TEXT.replace(right, wrong, 1))
    assert sentence in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_local_time_that_does_not_exist_or_exists_twice_says_so() -> None:
    with pytest.raises(Mistake, match="2026-03-08 02:30"):
        build(end="2026-03-08 02:30")
    with pytest.raises(Mistake, match="2026-11-01 01:30"):
        build(end="2026-11-01 01:30")


def test_a_scenario_that_does_not_exist() -> None:
    with pytest.raises(Mistake, match=r"there is no scenario 'weekend-gab'.*did you mean weekend-gap\?"):
        scenario("weekend-gab", known=KNOWN)
    with pytest.raises(Mistake, match=r"nowhere\.toml: cannot be read: No such file"):
        scenario("nowhere.toml", known=KNOWN)


def test_two_moves_of_one_stock_in_one_window_are_refused() -> None:
    move = TEXT[TEXT.index("[[gap]]") : TEXT.index("[[group]]")]
    with pytest.raises(Mistake, match="two moves are given for one closed window"):
        build(TEXT + move)


def test_every_knob_has_a_name_a_meaning_and_a_basis() -> None:
    every = every_knob(KNOWN)
    assert {
        "perp.margin.leverage_max",
        "group.latency",
        "group.endowment.tokens",
        "gap.change",
        "retail.leverage",
    } <= set(every)
    for name, knob in every.items():
        assert knob.meaning and knob.basis.partition(": ")[0] in ("rule", "measured", "literature", "chosen"), name


def test_reading_a_scenario_loads_nothing_heavy() -> None:
    code = """
import sys
from offhours.experiments.scenario import read_scenario
heavy = {"pandas", "mesa", "matplotlib", "pydantic", "pyarrow", "networkx", "exchange_calendars", "scipy.stats"}
print(sorted(heavy & set(sys.modules)))
"""
    assert printed(code) == "[]"
