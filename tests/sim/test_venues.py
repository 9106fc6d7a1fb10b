"""Rulebooks: dated documents in which every value names what it rests on, and what each kind of them is good for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from offhours.experiments.scenario import scenario
from offhours.sim import calculator, layers, rulebook, rules
from offhours.sim.given import read_knob
from offhours.sim.knobs import knobs
from offhours.sim.mistake import Mistake
from offhours.sim.names import CLASS, STAGES
from offhours.sim.tiers import Tier, read_classes
from offhours.sim.units import Instrument

BOOKS = {name: rulebook.read_venue(name) for name in rulebook.venues()}
RUN = [name for name, book in BOOKS.items() if rulebook.runs(book)]
OTHERS = [name for name in BOOKS if name not in RUN]


def leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a rulebook with its name; margin classes and sources are told apart elsewhere."""
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        if path == "" and key == "earlier":
            for span in value:
                yield from leaves(
                    {part: own for part, own in span.items() if part not in ("begin", "until")}, "earlier"
                )
            continue
        if path == "" and key in ("sources", "margin_class", "name", "title", "kind", "effective"):
            continue
        if isinstance(value, Mapping) and "value" not in value:
            yield from leaves(value, name)
        elif key != "form" or not path.startswith("calculator"):
            yield name, value


def finding(name: str, value: Any, sources: Mapping[str, str]) -> str:
    """What is wrong with a value of a rulebook, or nothing."""
    if not isinstance(value, Mapping):
        return f"{name} says nothing of what it rests on"
    if value.get("assumed") is True:
        return (
            ""
            if len(str(value.get("reason", ""))) > 10 and "source" not in value
            else f"{name} is assumed for no reason"
        )
    return "" if value.get("source") in sources else f"{name} names no document of [sources]"


@pytest.mark.parametrize("name", BOOKS)
def test_every_value_of_a_rulebook_says_what_it_rests_on(name: str) -> None:
    book = BOOKS[name]
    said = list(leaves(book.document))
    assert len(said) >= 3
    assert [wrong for key, value in said if (wrong := finding(key, value, book.sources))] == []
    assert all(len(source) > 20 for source in book.sources.values())


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("5 %", "says nothing"),
        ({"value": "5 %"}, "names no document"),
        ({"value": "5 %", "source": "hearsay"}, "names no document"),
        ({"value": "5 %", "assumed": True, "reason": ""}, "for no reason"),
        ({"value": "5 %", "assumed": True, "reason": "it looked fine to us", "source": "page"}, "for no reason"),
    ],
)
def test_the_check_catches(value: Any, wrong: str) -> None:
    assert wrong in finding("perp.margin.cap", value, {"page": "A page that says so"})
    assert finding("perp.margin.cap", {"value": "5 %", "source": "page"}, {"page": "A page"}) == ""


@pytest.mark.parametrize("name", RUN)
def test_a_rulebook_of_perps_is_read_for_every_ticker(name: str) -> None:
    resolved = rules.resolve(name, rulebook.tickers())
    assert resolved.setting("perp.margin.leverage_max").origin.layer == "venue"


@pytest.mark.parametrize("name", OTHERS)
def test_no_market_runs_by_formulas_or_spot_alone(name: str) -> None:
    with pytest.raises(Mistake, match="no market of perps runs by it") as caught:
        rules.resolve(name, ["TSLAx"])
    assert str(caught.value).count("\n") == 0
    assert BOOKS[name].document["kind"] in ("formulas", "spot")
    layer = layers.read_layer(BOOKS[name].document, "venue", name, rulebook.tickers())
    for (_, knob), given in layer.items():
        read_knob(knobs()[knob].knob, given, knob, Instrument("TSLAx", 10_000, 100))


@pytest.mark.parametrize("name", [name for name in OTHERS if BOOKS[name].document["kind"] == "spot"])
def test_a_token_follows_a_spot_rulebook(name: str) -> None:
    """Token and issuer are the spot rulebook's, the perp stays the venue's, and neither is a difference from the venue."""
    alone, both = rules.resolve("kraken", ["TSLAx"]), rules.resolve("kraken", ["TSLAx"], spot=name)
    said = layers.read_layer(BOOKS[name].document, "venue", BOOKS[name].file, rulebook.tickers())
    assert {knob for _, knob in said} >= {"token.session.hours", "token.fees.taker"}
    for _, knob in both.settings:
        own = said.get(("", knob))
        if own is None:
            assert both.setting(knob).value == alone.setting(knob).value
        else:
            assert knob.partition(".")[0] in ("token", "issuer")
            assert both.setting(knob).origin == own.origin
    assert both.differences() == alone.differences()
    kraken = BOOKS["kraken"].title
    assert (alone.spot, alone.title) == (None, kraken)
    assert both.title == f"{kraken}, tokens by {BOOKS[name].title}"


def test_ftx_delivers_after_days_and_binance_converted_nothing() -> None:
    """Two to three days at one, none at all at the other."""
    assert rules.resolve("kraken", ["TSLAx"], spot="ftx-2020").setting("issuer.settlement").text == "3 days"
    assert rules.resolve("kraken", ["TSLAx"], spot="binance-2021").setting("issuer.converts").value == 0


def test_no_token_follows_a_rulebook_of_perps() -> None:
    with pytest.raises(Mistake, match=r"no spot rulebook.*there are binance-2021, bybit-spot, ftx-2020, kraken-spot"):
        rules.resolve("kraken", ["TSLAx"], spot="bitmex")


@pytest.mark.parametrize("name", BOOKS)
def test_the_calculator_answers_whatever_a_rulebook_names(name: str) -> None:
    """For what it names and what its knobs amount to, with the numbers it gives."""
    answered = []
    for question in calculator.QUESTIONS:
        try:
            forms = {form.name: defaults for form, defaults in calculator.choices(question, name)}
        except Mistake:
            assert question not in BOOKS[name].document.get("calculator", {})
            continue
        answer = calculator.example(question, name, by_knobs=True)
        for given, (value, _) in forms[answer.form.name].items():
            item = next(item for item in answer.form.inputs if item.name == given)
            assert answer[given] == calculator.ask(question, name, **_rest(answer, given), **{given: value})[item.name]
        answered.append(question)
    if name in RUN:
        assert {"margin", "liquidation-price", "mark", "premium", "funding-rate", "funding-payment"} <= set(answered)


def _rest(answer: calculator.Answer, given: str) -> dict[str, Any]:
    return {shown.name: shown.value for shown in answer.inputs if shown.name != given}


def test_a_rulebook_of_ones_own_is_asked_like_any_other(tmp_path: Any) -> None:
    """Its knobs decide the forms; `[calculator]` says otherwise, and a value there wins over the form's own."""
    source = (
        'name = "mine"\neffective = 2026-01-01\n'
        '[perp.funding]\nform = "dead band"\nband = "0.1 %"\ndivisor = 1\nkept = "100 %"\n'
        '[perp.oracle]\nform = "fair basis"\n[calculator.liquidation-price]\nform = "bybit"\nmaintenance = "3 %"\n'
    )
    file = tmp_path / "mine.toml"
    file.write_text(source)
    own = str(file)
    rate = calculator.ask("funding-rate", own, premiums="0.15 %")
    assert (rate.form.name, rate.text) == ("deribit", "0.05 %")
    assert calculator.ask("mark", own, index=100, rate="1 %", share_left="50 %").text == "$100.5"
    assert calculator.ask("liquidation-price", own, side="long", entry=100, leverage=10).text == "$93"
    assert calculator.ask("margin", own, size=10, price=100)["maintenance_margin"] == 25
    file.write_text(source.replace('form = "bybit"', 'form = "bybitt"'))
    with pytest.raises(Mistake, match=r"names no form of liquidation-price; there are .*did you mean bybit"):
        calculator.ask("liquidation-price", own, side="long", entry=100, leverage=10)


DATED = [(name, str(span["begin"])) for name, book in BOOKS.items() for span in book.document.get("earlier", [])]


@pytest.mark.parametrize(("name", "day"), DATED)
def test_a_rulebook_of_an_earlier_day_is_another_one(name: str, day: str) -> None:
    """It holds from its day on, differs from the one that came after it, and is asked like any other."""
    before = rulebook.read_venue(f"{name}@{day}")
    assert str(before.effective) == day and before.effective < BOOKS[name].effective
    assert rulebook.read_venue(f"{name}@{BOOKS[name].effective}").document == BOOKS[name].document
    texts = [{key: setting.text for key, setting in rules.resolve(each, ["TSLAx"]).settings.items()} for each in (name, f"{name}@{day}")]  # fmt: skip
    assert texts[0] != texts[1]
    assert calculator.ask("margin", f"{name}@{day}", size=1, price=100).value > 0


def test_what_changed_by_the_day() -> None:
    """Binance's index of a closed stock was fixed until 2026-05-15 and its funding made every 4 h until 2026-01-30."""
    said = []
    for day in ("2026-01-29", "2026-01-30", "2026-05-14", "2026-05-15", "2027-01-01"):
        found = rules.resolve(f"binance@{day}", ["TSLAx"])
        said.append((found.setting("perp.oracle.closed").text, found.setting("perp.funding.interval").text))
    assert said == [("frozen", "4 h"), ("frozen", "8 h"), ("frozen", "8 h"), ("own book", "8 h"), ("own book", "8 h")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("kraken@2020-01-01", "kraken.toml: the rulebook says nothing of days before 2026-02-24"),
        ("dydx@2020-01-01", "dydx.toml: the rulebook says nothing of days before 2026-04-29"),
        ("kraken@soon", "kraken.toml: 'soon' is not a day; write like 2026-04-29"),
        ("krakn@2026-01-01", "did you mean kraken?"),
    ],
)
def test_a_day_that_cannot_be_is_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises(Mistake) as caught:
        rulebook.read_venue(name)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "earlier", ["begin = 2025-01-01", "begin = 2026-01-01\nuntil = 2025-01-01", "begin = 2025-01-01\nuntil = 2027-01-01", "begin = 1\nuntil = 2"]
)  # fmt: skip
def test_what_held_before_has_its_days(tmp_path: Any, earlier: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'name = "mine"\neffective = 2026-01-01\n[[earlier]]\n{earlier}\n')
    with pytest.raises(
        Mistake, match=r"what held before is \[\[earlier\]\] with begin = and until = a day, up to 2026-01-01"
    ):
        rulebook.read_venue(str(file))


@pytest.mark.parametrize(
    ("knob", "word", "sentence"),
    [
        ("perp.oracle.form", "oracle medan", "'oracle medan' is not one of averaged premium, fair basis, median of three, oracle median, index, impact median; did you mean oracle median?"),
        ("perp.funding.weights", "risng", "did you mean rising?"),
        ("perp.margin.class", "DD", "there is no margin class 'DD'; there are flat, flat20, A, B, C, D, E, F, G; did you mean D?"),
        ("perp.liquidation.stages", "partial stp", "there is no stage 'partial stp'; did you mean partial step?"),
        ("perp.margin.slope", "1 %", "only the form 'size-linear' has a slope"),
        ("perp.insurance.loss_of", "ticker", "what a ticker has cost is counted over a time"),
        ("perp.insurance.window", "1 s", "a time to look back is none or at least 96 s"),
        ("perp.funding.weights", "rising", "where premiums are added up as they come, all of them count: 100 %"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_one_sentence_with_the_nearest(knob: str, word: str, sentence: str) -> None:
    with pytest.raises(Mistake) as caught:
        rules.resolve("kraken", ["TSLAx"], changes=layers.set_layer([(knob, word)], ["TSLAx"]))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_the_tiers_a_market_applies_are_the_tiers_that_are_asked() -> None:
    """TIER-1: the calculator reads the class as the market does, the largest leverage included."""
    ten = rules.resolve("kraken", ["TSLAx"], changes=layers.set_layer([("perp.margin.leverage_max", "10x")], ["TSLAx"]))
    tiers = calculator.tiers_of(ten, "TSLAx")
    assert [float(initial) for _, initial, _ in tiers] == [0.1, 0.1, 0.2, 0.3, 0.5]
    whole = calculator.tiers_of(rules.resolve("kraken", ["TSLAx"]), "TSLAx")
    assert [float(maintenance) for _, _, maintenance in whole] == [0.025, 0.05, 0.1, 0.15, 0.25]


def test_a_tier_table_may_be_a_file_of_its_own(tmp_path: Any) -> None:
    """Beside the rulebook, with a column for each part of a tier; further columns are passed over."""
    book = tmp_path / "mine.toml"
    book.write_text(
        'name = "mine"\neffective = 2026-01-01\n[perp.margin]\nclass = "x"\n[margin_class.x]\ntiers = "tiers.csv"\n'
    )
    table = tmp_path / "tiers.csv"
    table.write_text(
        'from, initial, maintenance, note\n$0, 5 %, 2 %, first\n"$10,000", 10 %, 4 %, second\n1M, 20 %, 8 %,\n'
    )
    own = read_classes(rulebook.read_venue(str(book)).document, str(book))
    assert own["x"] == (
        Tier(0, 50_000_000, 20_000_000),
        Tier(10_000_000_000, 100_000_000, 40_000_000),
        Tier(10**12, 200_000_000, 80_000_000),
    )
    assert rules.resolve(str(book), ["TSLAx"]).setting(CLASS).text == "x"
    for text, sentence in (
        ("from,initial\n0,5 %\n", "lacks the column maintenance"),
        ("from,initial,maintenance\n$0,5 %,2 %\n$10,000,10 %,4 %\n", "line 3: has more cells than columns"),
        ("from,initial,maintenance\n$0,5 %,2 %\n$0,10 %,4 %\n", "tiers begin at $0 and rise"),
        ("from,initial,maintenance\n$0,5,2 %\n", "'5' does not say its unit"),
        ("from,initial,maintenance\n", "has 0 tiers; one to"),
        ("", "lacks the columns from, initial, maintenance"),
    ):
        table.write_text(text)
        with pytest.raises(Mistake) as caught:
            rules.resolve(str(book), ["TSLAx"])
        assert sentence in str(caught.value)
    table.unlink()
    with pytest.raises(Mistake, match=r"tiers\.csv: cannot be read"):
        rules.resolve(str(book), ["TSLAx"])


def test_a_scenario_runs_by_the_rulebook_of_a_day(tmp_path: Any) -> None:
    """By name, and by the path of one's own beside the scenario; the title says the day."""
    older = scenario("weekend-gap", {"venue": "kraken@2026-03-01"})
    assert "partial step" not in older.rules.setting(STAGES).text
    assert older.rules.title.endswith(" as of 2026-03-01")
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\neffective = 2026-03-01\n[perp.funding]\ncap = "1 %"\n'
        '[[earlier]]\nbegin = 2026-01-01\nuntil = 2026-02-01\n[earlier.perp.funding]\ncap = "2 %"\n'
    )
    caps = []
    for name in ("mine.toml", "mine.toml@2026-01-15"):
        own = scenario("weekend-gap").at_venue(str(tmp_path / name))
        caps.append(own.rules.setting("perp.funding.cap").text)
    assert caps == ["1 %", "2 %"]
