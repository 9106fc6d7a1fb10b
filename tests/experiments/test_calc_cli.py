"""``offhours calc`` and ``offhours venues``: what a person types, and one sentence for each thing typed wrong."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from offhours.sim import calculator, rulebook, rules

from .test_cli import here, mistake, offhours

__all__ = ["here"]

LONG = ("--side", "long", "--entry", "$250", "--leverage", "10x")


def printed(*words: str) -> str:
    """Type a command that is right."""
    result = offhours(*words)
    assert result.exit_code == 0, result.stderr
    return result.stdout.rstrip("\n")


# calc -----------------------------------------------------------------------------------------------------------------


def test_a_number_is_answered_in_one_line() -> None:
    assert printed("calc", "liquidation-price", *LONG, "--maintenance", "2 %") == "$230"
    assert printed("calc", "liquidation-price", "side=long", "entry=250", "leverage=10", "--maintenance=2%") == "$230"
    assert printed("calc", "funding-rate", "--venue", "kraken", "--premiums", "0.5 %, 1 %") == "0.0208333 %"
    assert printed("calc", "bankruptcy_price", "--venue", "dydx", "--balance", "-4501", "--signed-size", "0.1", "--price", "$50,000", "--maintenance", "10 %") == "$4501"  # fmt: skip


def test_steps_print_the_formula_with_the_numbers_put_in() -> None:
    text = printed("calc", "liquidation-price", *LONG, "--maintenance", "2 %", "--steps")
    assert "price = entry * (1 - side / leverage + side * maintenance)" in text
    assert "      = 250 * (1 - 1 / 10 + 1 * 0.02)" in text
    assert text.endswith("      = $230")
    text = printed("calc", "funding-rate", "--venue", "bybit", "--premiums", "0.1 %, 0.2 %", "--steps")
    assert "          = with premiums [0.001, 0.002], kept 1, rising 1\n          = 0.1666666 %" in text


def test_json_is_one_object() -> None:
    found = json.loads(printed("calc", "margin", "--venue", "kraken", "--size", "4000", "--price", "250", "--json"))
    assert found["answer"] == {"name": "maintenance_margin", "value": 112_250, "text": "$112250", "kind": "money"}
    assert found["inputs"]["tiers"]["from"] == "kraken.toml, class D"
    everybody = json.loads(
        printed("calc", "liquidation-price", *LONG, "--maintenance", "2 %", "--venue", "all", "--json")
    )
    assert {"bybit", "kraken-paper", "okx"} <= set(everybody)
    assert set(json.loads(printed("calc", "--json"))) == set(calculator.QUESTIONS)
    assert json.loads(printed("calc", "mark", "--json"))["bitmex"]["formulas"] == {
        "mark": "index * (1 + rate * share_left)"
    }


def test_without_inputs_questions_and_forms_are_listed() -> None:
    text = printed("calc")
    assert all(question in text for question in calculator.QUESTIONS)
    text = printed("calc", "fillable-price")
    assert "--adjustment" in text and "bankruptcy adjustment [100 % or the rulebook's]" in text
    assert (
        printed("calc", "liquidation-price", "--venue", "all", *LONG, "--maintenance", "2 %")
        .splitlines()[0]
        .endswith("$230")
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("liquidation-prise",), "there is no question 'liquidation-prise'; did you mean liquidation-price?"),
        (("liquidation-price", "--venue", "krakn", *LONG), "did you mean kraken?"),
        (("liquidation-price", "--entri", "250"), "asks for no 'entri' here, but for side, entry"),
        (("liquidation-price", "--entri", "250"), "did you mean entry?"),
        (("liquidation-price", "--side", "long"), "needs entry (price at which the position was opened), leverage"),
        (("liquidation-price", *LONG, "--maintenance", "2"), "maintenance: '2' does not say its unit; write '2 %'"),
        (("liquidation-price", *LONG, "--side", "short"), "'--side' is given twice"),
        (("liquidation-price", "--side", "up"), "side: 'up' is not long or short"),
        (("liquidation-price", "long"), "'long' is not written like --entry 250"),
        (("liquidation-price", "--side"), "'--side' has no value behind it"),
        (("liquidation-price", "venue=kraken"), "write '--venue kraken'"),
        (("liquidation-price", "--side", "long", "--entry", "250", "--leverage", "0"), "leverage: 0x is not above zero"),
        (("liquidation-price", "--side", "long", "--entry", "cheap", "--leverage", "3"), "entry: 'cheap' is not an amount of dollars"),
        (("margin", "--venue", "tiers", "--size", "1", "--price", "5", "--tiers", "10k:5%:2%"), "tiers begin at 0 and rise"),
        (("margin", "--venue", "tiers", "--size", "1", "--price", "5", "--tiers", "0:5%"), "'0:5%' is not a tier"),
        (("margin", "--venue", "tiers", "--size", "1", "--price", "5", "--tiers", "0:5%:2%, 9k:4%:2%"), "a tier's rates are not below those of the tier before it"),
        (("margin", "--venue", "tiers", "--size", "1", "--price", "5", "--tiers", "0:5%:6%"), "maintenance margin lies between 0 and initial margin"),
        (("margin", "--venue", "kraken@2020-01-01", "--size", "1", "--price", "5"), "the rulebook says nothing of days before 2026-02-24"),
        (("perp-price", "--venue", "inverse", "--spot", "1", "--kappa", "1", "--iota", "1", "--quote-rate", "5%"), "has no price for these numbers"),
        (("margin", "--venue", "kraken", "--ticker", "IBMx", "--size", "1", "--price", "5"), "there is no ticker 'IBMx'"),
        (("liquidation-price", *LONG, "--ticker", "IBMx"), "there is no ticker 'IBMx'"),
        (("LIQUIDATION-PRICE", *LONG), "did you mean liquidation-price?"),
        (("liquidation-price", *LONG, "--stps"), "'--stps' has no value behind it; did you mean --steps?"),
        (("liquidation-price", "--venue", "all", *LONG, "--stps", "3"), "no form asks for 'stps'"),
        (("margin", "--venue", "binance", "--price", "5", "--maintenance", "1 %", "--leverage", "3x", "--size", "1e400"), "a number lies between 1e-18 and 1e18"),
        (("liquidation-price", "--side", "long", "--leverage", "10x", "--entry", "9" * 5000), "is too long for a number"),
        (("liquidation-price", "--side", "long", "--leverage", "nan", "--entry", "5"), "leverage: 'nan' is not a leverage"),
        (("partial-size", "--venue", "okx", "--size", "100", "--tier", "9", "--limits", "100,500"), "okx has no part for these numbers"),
        (("partial-size", "--venue", "okx", "--size", "100", "--tier", "-1", "--limits", "100,500"), "tier: -1 is not a whole number from 1"),
        (("funding-rate", "--venue", "gmx", "--factor", "1", "--long-interest", "3", "--short-interest", "1", "--exponent", "1e17"), "is not between -16 and 16"),
        (("token", "--venue", "fee", "--fee-a-year", "1 %", "--days", "1e17"), "is not between 0 and 36500 (days)"),
        (("queue-light", "--place", "0", "--count", "20"), "place: 0 is not a whole number from 1"),
        (("queue-light", "--place", "30", "--count", "20"), "place: 30 is not one of 20"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    assert sentence in mistake("calc", *words)


def test_an_allocation_may_be_ones_own(here: Path) -> None:
    """Ten lines of Python; what it returns is held to what an allocation must be, and running it must be allowed."""
    Path("mine.py").write_text(
        "def even(candidates, budget):\n    return candidates.room * budget / candidates.room.sum()\n\n\n"
        "def short(candidates, budget):\n    return candidates.room * 0\n\n\n"
        "def stuck(candidates, budget):\n    return candidates.profit + candidates.colour\n"
    )
    asked = ("calc", "adl-allocation", "--budget", "20", "--rooms", "10, 30", "--profits", "5, 1")
    assert printed(*asked, "--venue", "mine.py:even", "--allow-python") == "5, 15"
    assert json.loads(printed(*asked, "--venue", "mine.py:even", "--allow-python", "--json"))["reductions"] == [5, 15]
    assert "is a program; say --allow-python to run it" in mistake(*asked, "--venue", "mine.py:even")
    assert "takes 0 in all, and 20 is to be taken" in mistake(*asked, "--venue", "mine.py:short", "--allow-python")
    assert "mine.py:stuck: raised AttributeError" in mistake(*asked, "--venue", "mine.py:stuck", "--allow-python")
    assert "did you mean even?" in mistake(*asked, "--venue", "mine.py:eve", "--allow-python")
    assert "there are 2 rooms and 1 of these" in mistake(
        *asked, "--venue", "mine.py:even", "--allow-python", "--scores", "1"
    )


# venues ---------------------------------------------------------------------------------------------------------------


def test_venues_are_listed_with_what_is_sourced_and_what_assumed() -> None:
    text = printed("venues")
    assert all(name in text for name in rulebook.venues())
    rows = {row["name"]: row for row in json.loads(printed("venues", "--json"))}
    assert (rows["kraken-spot"]["sourced"], rows["kraken-spot"]["assumed"]) == (11, 2)
    assert {row["kind"] for row in rows.values()} == {"perp", "formulas", "spot"}


def test_two_rulebooks_are_compared_rule_by_rule() -> None:
    text = printed("venues", "diff", "kraken", "bitmex")
    assert "perp.funding.interval\n  kraken  1 h  (Kraken futures instruments" in text
    assert "  bitmex  8 h  (BitMEX, perpetual contracts guide" in text
    assert "calc mark\n" in text and "perp.book.lot" not in text
    rows = {row["rule"]: row for row in json.loads(printed("venues", "diff", "kraken", "deribit", "--json"))["rules"]}
    assert rows["calc funding-rate"]["b"]["source"].startswith("Deribit")
    assert rows["perp.funding.cap"]["b"] is None
    assert "0 rules differ" in printed("venues", "diff", "kraken", "kraken")
    assert "perp.book.lot" in printed("venues", "diff", "kraken", "bitmex", "--all")


def test_a_new_rulebook_is_the_old_one_with_everything_else_as_comments(here: Path) -> None:
    """Each comment, its sign taken off, is a rule that is read; left alone, nothing differs."""
    assert "mine.toml" in printed("venues", "new", "mine", "--from", "kraken")
    text = Path("mine.toml").read_text("utf-8")
    assert "0 rules differ" in printed("venues", "diff", "kraken", "mine.toml")
    assert "earlier" not in text
    assert rules.resolve("mine.toml", ["TSLAx"]).digest() == rules.resolve("kraken", ["TSLAx"]).digest()
    awake = text.replace('# stale = "5 min"', 'stale = "9 min"').replace("# [perp.providers]", "[perp.providers]")
    assert awake != text
    Path("mine.toml").write_text(awake, "utf-8")
    assert "perp.oracle.stale\n  kraken  5 min" in printed("venues", "diff", "kraken", "mine.toml")
    assert "mine, begun from Kraken" in printed("venues", "check", "mine.toml")
    commented = [line[2:] for line in text.splitlines() if line.startswith("# ") and " = " in line and '"  # ' in line]
    assert len(commented) > 20 and all(tomllib.loads(line) for line in commented)
    assert "mine.toml: exists already" in mistake("venues", "new", "mine", "--from", "kraken")
    assert "mean kraken?" in mistake("venues", "new", "other", "--from", "kracken")


def test_a_rulebook_is_checked_by_the_calculator(here: Path) -> None:
    text = printed("venues", "check", "kraken")
    assert text.startswith("Kraken xStocks perps and token spot: all is well")
    assert "liquidation-price = $" in text
    assert "bankruptcy-price" in json.loads(printed("venues", "check", "bitmex", "--json"))["answers"]
    Path("odd.toml").write_text('name = "odd"\neffective = 2026-01-01\n[calculator]\nmarck = "kraken"\n')
    assert "calculator.marck: there is no such question; did you mean mark?" in mistake("venues", "check", "odd.toml")
    Path("odd.toml").write_text('name = "odd"\neffective = 2026-01-01\n[perp.margin]\nclass = "x"\n')
    assert "there is no margin class 'x'" in mistake("venues", "check", "odd.toml")
    tiers = '[margin_class.x]\ntiers = [{ from = "$0", initial = "5 %", maintenance = "2 %" }, { from = "$0", initial = "6 %", maintenance = "3 %" }]\n'  # fmt: skip
    Path("odd.toml").write_text(f'name = "odd"\neffective = 2026-01-01\n{tiers}[perp.margin]\nclass = "x"\n')
    assert "tiers begin at $0 and rise" in mistake("venues", "check", "odd.toml")


@pytest.mark.parametrize("venue", ["binance", "bybit", "dydx", "hyperliquid", "okx", "trade-xyz"])
def test_a_new_rulebook_answers_what_the_old_one_answers(here: Path, venue: str) -> None:
    """Its formulas are those of the venue that it began from, until a knob of its own says otherwise."""
    printed("venues", "new", "mine", "--from", venue)
    assert "\n0 rules differ" in printed("venues", "diff", venue, "mine.toml")
    assert "all is well" in printed("venues", "check", "mine.toml")
    printed("venues", "new", "next", "--from", "mine.toml")
    assert "\n0 rules differ" in printed("venues", "diff", venue, "next.toml")


def test_a_rulebook_that_leaves_a_form_is_asked_by_its_own(here: Path) -> None:
    printed("venues", "new", "mine", "--from", "binance")
    text = Path("mine.toml").read_text("utf-8")
    other = text.replace('form = { value = "median of three"', 'form = { value = "fair basis"')
    assert other != text
    Path("mine.toml").write_text(other, "utf-8")
    assert "calc mark\n  binance  mark = median(" in printed("venues", "diff", "binance", "mine.toml")
    assert "  mine     mark = index * (1 + rate * share_left)" in printed("venues", "diff", "binance", "mine.toml")
    assert "mark = $" in printed("venues", "check", "mine.toml")


@pytest.mark.parametrize(
    ("venue", "price"), [("hyperliquid", 250.5), ("trade-xyz", 250.5), ("bitmex", 225), ("kraken", 225)]
)
def test_the_price_of_deleveraging_is_the_one_that_the_rulebook_names(here: Path, venue: str, price: float) -> None:
    """At 10x a long from $250 is bankrupt at $225; who closes at a mark closes at the mark that he is given."""
    printed("venues", "new", "mine", "--from", venue)
    answers = json.loads(printed("venues", "check", "mine.toml", "--json"))["answers"]
    assert answers["adl-price"]["answer"]["value"] == price


def test_rulebooks_of_two_kinds_differ_in_what_one_of_them_says() -> None:
    """A default of the one is nothing that the other could differ in."""
    text = printed("venues", "diff", "kraken", "kraken-spot")
    assert "perp.oracle.ema\n  kraken       30 s" in text
    assert "perp.book.size_min_lots" not in text and "stand at a default where the other has no market" in text
    assert "perp.book.size_min_lots" in printed("venues", "diff", "kraken", "kraken-spot", "--all")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('kind = "perps"', "odd.toml: kind: 'perps' is not one of perp, formulas, spot"),
        ("calculator = 3", "odd.toml: calculator: is a table: [calculator]"),
        ("margin_class = 3", "odd.toml: margin_class: is a table: [margin_class]"),
        ("sources = 3", "odd.toml: sources: is a table: [sources]"),
        ("perp = 3", "odd.toml: perp: is a table: [perp]"),
        ("[asset]\nTSLAx = 3", "odd.toml: asset.TSLAx: is a table: [asset.TSLAx]"),
        ("[fact]\nx = 1", "odd.toml: fact: a rulebook has no such table; did you mean facts?"),
        ('formulas_of = "krakn"', "odd.toml: formulas_of: there is no venue 'krakn'; did you mean kraken?"),
        ('[sources]\nnotice = "a notice"\n[perp.margin]\nleverage_max = { value = "9x", source = "notise" }', "odd.toml: perp.margin.leverage_max.source: there is no 'notise' under [sources]; did you mean notice?"),
        ('[perp.margin]\nleverage_max = { value = "9x", assumed = "yes" }', "perp.margin.leverage_max.assumed = 'yes': is true, or not there"),
        ('[calculator.margin]\nform = "dydx"\ninitial = "much"', "odd.toml: initial: 'much' is not a rate"),
        ('[calculator.margin]\nform = "dydx"\nintial = "5 %"', "odd.toml: calculator.margin.intial: no form asks for this; did you mean initial?"),
    ],
)  # fmt: skip
def test_a_rulebook_with_a_mistake_is_one_sentence(here: Path, text: str, sentence: str) -> None:
    Path("odd.toml").write_text(f"effective = 2026-01-01\n{text}\n", "utf-8")
    assert sentence in mistake("venues", "check", "odd.toml")


HEAD = "from,initial,maintenance\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "tiers.csv: lacks the columns from, initial, maintenance; its heading has nothing"),
        (HEAD, "tiers.csv: has 0 tiers; one to 8 of them are needed"),
        ("from,initial\n$0,5 %\n", "tiers.csv: lacks the column maintenance; its heading has from, initial"),
        ("from;initial;maintenance\n$0;5 %;2 %\n", "tiers.csv: separates its columns by something else than commas"),
        (HEAD + "$0,5 %,2 %\n$9k,6 %,3 %\n$8k,7 %,4 %\n", "tiers.csv, line 4: from = '$8k': tiers begin at $0 and rise"),
        (HEAD + "$0,5 %,2 %\n$9k,4 %,2 %\n", "tiers.csv, line 3: initial = '4 %': the rates of a tier are not below"),
        (HEAD + "$0,0.05,0.02\n", "tiers.csv, line 2: initial: '0.05' does not say its unit; write '0.05 %', or '5 %'"),
        (HEAD + "5 %,$0,2 %\n", "tiers.csv, line 2: from: '5 %' is not an amount of money"),
        (HEAD + "$0,5 %,2 %\n$10,000,6 %,3 %\n", "tiers.csv, line 3: has more cells than columns; put '$10,000' between quotes"),
        (HEAD + "$0,nan,2 %\n", "tiers.csv, line 2: initial: 'nan' is not a rate"),
    ],
)  # fmt: skip
def test_a_table_of_tiers_with_a_mistake_names_its_line(here: Path, text: str, sentence: str) -> None:
    Path("tiers.csv").write_text(text, "utf-8")
    Path("odd.toml").write_text('effective = 2026-01-01\n[margin_class.D]\ntiers = "tiers.csv"\n', "utf-8")
    assert sentence in mistake("venues", "check", "odd.toml")


def test_a_table_of_tiers_is_read_as_spreadsheets_write_it(here: Path) -> None:
    """A mark at its beginning, Windows' line ends, capitals, blank lines, further columns, thousands between quotes."""
    table = '\ufeffFrom, Initial, Maintenance, note\r\n$0, 5 %, 2.5 %, first\r\n\r\n"$10,000", 10 %, 5 %\r\n'
    Path("tiers.csv").write_bytes(table.encode())
    text = 'effective = 2026-01-01\n[margin_class.mine]\ntiers = "tiers.csv"\n[perp.margin]\nclass = "mine"\nleverage_max = "20x"\n'
    Path("own.toml").write_text(text, "utf-8")
    steps = printed("calc", "margin", "--venue", "own.toml", "--size", "100", "--price", "$200", "--steps")
    assert "= $1500\n" in steps and steps.endswith("$750")


def test_a_rulebook_is_no_file_where_it_comes_with_the_package(here: Path) -> None:
    said = mistake("venues", "diff", "kraken.toml", "kraken")
    assert "there is no such file; the rulebook that comes with the package is 'kraken'" in said
    assert "did you mean kraken?" in mistake("venues", "check", "KRAKEN")
    assert "'' is no name for a rulebook" in mistake("venues", "new", "", "--from", "kraken")


def test_what_held_before_is_checked_too(here: Path) -> None:
    """A rule that does not exist is found in a table of earlier days; a rulebook of one's own begins with a whole one."""
    printed("venues", "new", "mine", "--from", "binance")
    book = Path("mine.toml")
    text = book.read_text("utf-8") + "[[earlier]]\nbegin = 2026-01-01\nuntil = 2026-02-01\n[earlier.perp.oracle]\n"
    book.write_text(text + 'closed = "frozen"\n', "utf-8")
    printed("venues", "check", "mine.toml")
    assert "perp.oracle.closed\n" in printed("venues", "diff", "mine.toml", "mine.toml@2026-01-15")
    book.write_text(text + 'closd = "frozen"\n', "utf-8")
    assert "did you mean perp.oracle.closed?" in mistake("venues", "check", "mine.toml")
    assert "--from binance" in mistake("venues", "new", "other", "--from", "binance@2026-05-01")
