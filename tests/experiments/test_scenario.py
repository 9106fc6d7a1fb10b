"""A scenario file becomes one value: what it says, what was set on top, and one sentence for each mistake."""

# The tables of mistakes read best with one a line.

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhours.experiments.scenario import CONTROLS, every_knob, read_scenario, scenario, scenarios
from offhours.sim.mistake import Mistake
from plain.fresh import printed

from .asked import KNOWN, TEXT, build


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


def test_a_scenario_that_does_not_exist() -> None:
    with pytest.raises(Mistake, match=r"there is no scenario 'weekend-gab'.*did you mean weekend-gap\?"):
        scenario("weekend-gab", known=KNOWN)
    with pytest.raises(Mistake, match=r"nowhere\.toml: cannot be read: No such file"):
        scenario("nowhere.toml", known=KNOWN)


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
