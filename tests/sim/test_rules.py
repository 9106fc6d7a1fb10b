"""Layers of text become one value: later layers win, one ticker wins over all, and each mistake is one sentence."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from offhours.sim import layers
from offhours.sim.declare import A, Knob, table
from offhours.sim.given import Origin, read_toml
from offhours.sim.knobs import SECTIONS, Section
from offhours.sim.market import book, brackets
from offhours.sim.mistake import Mistake
from offhours.sim.rulebook import Venue
from offhours.sim.rules import Rules, resolve
from offhours.sim.tiers import read_classes


class ToyRules:
    """A room of three knobs."""

    cap_ppb: A[int, Knob("0.25 %", "ppb", "0 %", "4 %", "largest rate", basis="chosen: for a test")]
    interval_us: A[int, Knob("1h", "us", "1 min", "8h", "time between two rates", basis="chosen: for a test")]
    step_ticks: A[int, Knob("$0.50", "ticks", "", "", "a price step", basis="chosen: for a test")]
    speed: A[float, Knob("0.1", "real", "0", "", "a plain number", basis="chosen: for a test")]


def check(rules: SimpleNamespace) -> tuple[str, str] | None:
    if rules.cap_ppb == 40_000_000 and rules.interval_us == 28_800_000_000:
        return ("cap_ppb", "4 % needs an interval below 8h")
    return None


toys = table(ToyRules)
TOYS: Mapping[str, Section] = {
    "perp.book": SECTIONS["perp.book"],
    "token.book": SECTIONS["token.book"],
    "toy": Section(toys),
    "perp.margin": SECTIONS["perp.margin"],
}
ALL = ("AAPLx", "SPYx", "TSLAx")


def venue(text: str = "") -> Venue:
    document = read_toml(text, "toy.toml")
    return Venue("toy", "Toy", datetime.date(2026, 1, 1), "toy.toml", document, document.get("sources", {}))


def build(
    text: str = "",
    *,
    asset: Mapping[str, str] | None = None,
    scenario: str = "",
    sets: Mapping[str, str] | None = None,
    tickers: tuple[str, ...] = ("TSLAx", "SPYx"),
) -> Rules:
    scenario_document = read_toml(scenario, "mine.toml")
    scenario_layer = layers.read_layer(scenario_document, "scenario", "mine.toml", ALL, sections=TOYS)
    changes = layers.set_layer((sets or {}).items(), ALL, TOYS)

    def assets(ticker: str) -> dict[str, Any]:
        return read_toml((asset or {}).get(ticker, ""), f"{ticker}.toml")

    return resolve(
        venue(text), tickers, scenario_layer, changes, sections=TOYS, assets=assets, all_tickers=ALL,
        classes=read_classes(scenario_document, "mine.toml"),
    )  # fmt: skip


def caps(rules: Rules) -> list[int]:
    return [int(cap) for cap in rules[toys]["cap_ppb"]]


def test_a_later_layer_wins_over_an_earlier_one() -> None:
    of_venue = "[toy]\ncap = { value = '0.5 %', source = 'a page' }"
    assert caps(build()) == [2_500_000] * 2
    assert caps(build(of_venue)) == [5_000_000] * 2
    assert caps(build(of_venue, asset={"SPYx": "[toy]\ncap = '1 %'"})) == [5_000_000, 10_000_000]
    scenario = "[toy]\ncap = '2 %'"
    assert caps(build(of_venue, asset={"SPYx": "[toy]\ncap = '1 %'"}, scenario=scenario)) == [20_000_000] * 2
    assert caps(build(of_venue, scenario=scenario, sets={"toy.cap": "3 %"})) == [30_000_000] * 2


def test_one_ticker_wins_over_all_within_a_layer_but_not_over_a_later_layer() -> None:
    scenario = "[toy]\ncap = '2 %'\n[asset.TSLAx.toy]\ncap = '1 %'"
    assert caps(build(scenario=scenario)) == [10_000_000, 20_000_000]
    assert caps(build(scenario=scenario, sets={"toy.cap": "3 %"})) == [30_000_000] * 2
    assert caps(build(scenario=scenario, sets={"toy.cap": "3 %", "SPYx.toy.cap": "4 %"})) == [30_000_000, 40_000_000]


def test_each_value_remembers_its_text_and_who_said_it() -> None:
    rules = build("[sources]\npage = 'Support page, 2026'\n[toy]\ncap = { value = '50 bp', source = 'page' }")
    setting = rules.setting("toy.cap", "SPYx")
    assert (setting.text, setting.value) == ("0.5 %", 5_000_000)
    assert setting.origin == Origin("venue", "toy.toml", "Support page, 2026")
    assumed = build("[toy]\ncap = { value = '50 bp', assumed = true, reason = 'no source' }").setting("toy.cap")
    assert assumed.origin.assumed and assumed.origin.source == "no source"
    assert rules.setting("toy.interval").origin.layer == "default"


def test_differences_are_against_the_venues_own_file() -> None:
    rules = build("[toy]\ncap = '1 %'", sets={"toy.cap": "2 %", "SPYx.toy.interval": "8h", "toy.speed": "0.1"})
    found = [(d.name, d.ticker, d.venue_text, d.text) for d in rules.differences()]
    assert found == [("toy.cap", "", "1 %", "2 %"), ("toy.interval", "SPYx", "1 h", "8 h")]


def test_prices_are_counted_in_the_tickers_own_ticks() -> None:
    rules = build("[perp.book]\ntick = '$0.01'\n[asset.SPYx.perp.book]\ntick = '$0.10'")
    assert [int(t) for t in rules[toys]["step_ticks"]] == [50, 5]
    assert rules.instrument("SPYx").tick_uusd == 100_000
    assert rules.instrument("SPYx", "token").tick_uusd == 10_000


def test_perp_and_token_books_are_rows_of_one_table() -> None:
    rules = build("[perp.book]\nband = '10 %'\n[token.book]\nband = '5 %'")
    assert [int(b) for b in rules[book.book_rules]["band_ppb"]] == [100_000_000, 50_000_000] * 2


def test_the_digest_is_of_the_numbers_not_of_the_words() -> None:
    one = build("[toy]\ncap = '0.5 %'")
    assert one.digest() == build(sets={"toy.cap": "50 bp"}).digest()
    assert one.digest() != build().digest()
    assert one.digest() != build("[toy]\ncap = '0.5 %'", tickers=("SPYx", "TSLAx")).digest()


def test_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        build()[toys]["cap_ppb"][0] = 1


CLASS_D = """
[margin_class.D]
tiers = [
    { from = "$0", initial = "5 %", maintenance = "2.5 %" },
    { from = "$10,000", initial = "10 %", maintenance = "5 %" },
]
[perp.margin]
class = "D"
"""
CLASS_E = "[margin_class.E]\ntiers = [{ from = '$0', initial = '10 %', maintenance = '5 %' }]\n"


def test_a_margin_class_fills_the_tier_table() -> None:
    tiers = build(CLASS_D)[brackets.tiers]
    assert len(tiers) == 2 * brackets.TIERS
    assert list(tiers["from_uusd"][:3]) == [0, 10_000_000_000, brackets.NO_TIER]
    assert list(tiers["initial_ppb"][:2]) == [50_000_000, 100_000_000]
    assert list(tiers["maintenance_ppb"][:2]) == [25_000_000, 50_000_000]
    assert np.array_equal(tiers[: brackets.TIERS], tiers[brackets.TIERS :])


def test_a_scenario_may_bring_its_own_margin_class() -> None:
    rules = build(CLASS_D, scenario="[perp.margin]\nclass = 'E'\n" + CLASS_E)
    assert rules[brackets.tiers]["initial_ppb"][0] == 100_000_000
    assert rules.setting("perp.margin.class").text == "E"
    assert [d.name for d in rules.differences()] == ["perp.margin.class"]


def test_who_speaks_last_must_be_possible_and_who_spoke_earlier_is_limited() -> None:
    earlier = CLASS_D + "leverage_max = '20x'\n" + CLASS_E
    rules = build(earlier, sets={"perp.margin.class": "E"})
    assert rules[brackets.tiers]["initial_ppb"][0] == 100_000_000
    with pytest.raises(Mistake, match="at most 10x, the most that margin class E lends"):
        build(earlier, scenario="[perp.margin]\nclass = 'E'\nleverage_max = '20x'")


MISTAKES = [
    ({"scenario": "[toy]\ncapp = '1 %'"}, "mine.toml: toy.capp: there is no such knob; did you mean toy.cap?"),
    ({"sets": {"perp.toy.cap": "1 %"}}, "--set: perp.toy.cap: there is no such knob; did you mean toy.cap?"),
    ({"sets": {"TSLA.toy.cap": "1 %"}}, "--set: TSLA.toy.cap: there is no ticker 'TSLA'; there are AAPLx, SPYx, TSLAx"),
    ({"scenario": "[asset.TSLA.toy]\ncap = '1 %'"}, "mine.toml: asset: there is no ticker 'TSLA'"),
    ({"tickers": ("TSLA",)}, "tickers: there is no ticker 'TSLA'"),
    ({"sets": {"toy.cap": "5 %"}}, "--set: toy.cap: '5 %' is not between 0 % and 4 % (cap: largest rate)"),
    ({"sets": {"toy.speed": "-1"}}, "--set: toy.speed: '-1' is below 0"),
    ({"sets": {"toy.cap": "8h"}}, "--set: toy.cap: '8h' is not a rate; write like '0.25 %' or '25 bp' (cap"),
    ({"scenario": "[toy]\ncap = 0.25"}, "'0.25' does not say its unit; write '0.25 %', or '25 %' if a"),
    ({"sets": {"toy.interval": "8 hours 3"}}, "'8 hours 3' is not a duration; write like '8h' or '30 s'"),
    ({"sets": {"toy.step": "$0.005"}}, "'$0.005' is finer than the tick of TSLAx, $0.01"),
    ({"sets": {"toy.cap": "4 %", "toy.interval": "8h"}}, "toy.cap = '4 %': 4 % needs an interval below 8h"),
    ({"sets": {"perp.margin.leverage_max": "50x"}}, "perp.margin.leverage_max = '50x': at most 20x, the most that"),
    ({"sets": {"perp.margin.class": "Z"}}, "there is no margin class 'Z'; there are flat"),
    ({"sets": {"perp.book.tick": "$0.0001", "perp.book.lot": "0.001"}}, "is not a whole number of millionths"),
    ({"scenario": "[toy\ncap = 1"}, "mine.toml: is not TOML"),
    ({"scenario": "[toy]\ncap = { value = '1 %', sauce = 'x' }"}, "is written as a value or as { value = ..., source"),
    ({"scenario": "[margin_class.X]\ntiers = [{ from = '$1', initial = '5 %', maintenance = '1 %' }]"}, "begin at $0"),
    ({"scenario": "[margin_class.X]\ntiers = [{ from = '$0', initial = '5 %', maintenance = '6 %' }]"}, "lies betw"),
    ({"scenario": "[margin_class.X]\ntiers = [{ from = '$0', initial = '5 %', maintenance = '2 %' }, { from = '$9', initial = '4 %', maintenance = '2 %' }]"}, "margin_class.X.initial = '4 %': the rates of a tier are not below those of the tier before it"),
    ({"scenario": "[margin_class.X]\ntiers = []"}, "margin_class.X: has 0 tiers; one to 8 of them are needed"),
    ({"scenario": "[margin_class.X]\ntiers = 3"}, "margin_class.X: needs tiers = [...], one to 8 of them"),
    ({"scenario": "[margin_class]\nX = 3"}, "margin_class.X: is a table: [margin_class.X]"),
    ({"scenario": "[margin_class.X]\ntiers = [{ from = '0 %', initial = '5 %', maintenance = '2 %' }]"}, "margin_class.X.from: '0 %' is not an amount of money"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "sentence"), MISTAKES)
def test_each_mistake_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Mistake) as mistake:
        build(**given)
    assert sentence in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_mistake_carries_its_parts() -> None:
    with pytest.raises(Mistake) as mistake:
        build(sets={"toy.cap": "5 %"})
    assert (mistake.value.file, mistake.value.knob, mistake.value.given) == ("--set", "toy.cap", "5 %")
    assert mistake.value.meaning == "largest rate"
