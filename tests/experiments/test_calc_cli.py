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
