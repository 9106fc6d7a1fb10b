"""One account's life: a ledger that sums to the micro-dollar, and what would have saved it, worked by hand."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from offhours.experiments import cli, story, story_text
from offhours.experiments.figures.account import picture_title
from offhours.experiments.run import Run
from offhours.experiments.tables import Instruments
from offhours.sim.declare import spec_of
from offhours.sim.market import accounts, deleverage, liquidation, matching
from offhours.sim.mistake import Mistake

from .tiny import tiny_run
from .watched import life

S = 1_000_000


@functools.cache
def told() -> story.Story:
    """The life of the worst account of the tiny run."""
    return story.tell(tiny_run(), story.worst(tiny_run()))


# The ledger ----------------------------------------------------------------------------------------------------------


def test_the_ledger_sums_to_the_last_micro_dollar() -> None:
    lines = told().ledger
    assert sum(amount for _, amount in lines[:-1]) == lines[-1][1]
    assert [label for label, _ in lines][:3] == [
        "equity at the first measured instant",
        "result of its positions",
        "funding",
    ]
    assert {"fees", "deposits less withdrawals"} <= {label for label, _ in lines}


def test_its_ends_are_what_the_run_says_of_the_account() -> None:
    people = tiny_run().tables()["accounts"]
    row = people[people["account"] == told().account].iloc[0]
    assert told().ledger[0][1] == round(row["equity_start_usd"] * 1e6)
    assert told().ledger[-1][1] == round(row["equity_usd"] * 1e6)
    assert told().group == row["group"] == "tourists"


def test_its_fees_are_those_of_its_fills() -> None:
    """Rates of the rulebook on the value of each fill, rounded up; the aggressor pays the taker's."""
    run, account = tiny_run(), told().account
    trades = run.exact_rows()["trades"]
    rates = {side: int(run.scenario.rules.setting(f"perp.fees.{side}", "TSLAx").value) for side in ("maker", "taker")}
    unit = run.instruments.tick_uusd[0] * run.instruments.lot_ushares[0] // 10**6
    paid = 0
    for row in trades[(trades["book"] == 0) & ((trades["buyer"] == account) | (trades["seller"] == account))]:
        took = (row["aggressor"] > 0) == (row["buyer"] == account)
        value = int(row["price_ticks"]) * int(row["size_lots"]) * unit
        paid += -(-value * rates["taker" if took else "maker"] // 10**9)
    assert dict(told().ledger)["fees"] == -paid


def test_every_kind_of_flow_is_in_it() -> None:
    """A watched life of three instants: from $10 to $17.50 with a mark from $1 to $1.10, 10 lots, $0.50 owed."""
    seen = life(usd=[10, 12, 17], lots=[0, 10, 10], marks=[100, 100, 110], owed=[0, 0, 10.5])
    flows = np.zeros(accounts.FLOWS, dtype=np.int64)
    flows[accounts.PERP_TRADE], flows[accounts.FUNDING_PAID], flows[accounts.DEPOSIT] = -10 * S, -3 * S, 20 * S
    flows[accounts.BROKER_DEPOSIT] = 99 * S
    lines = story.ledger_of(seen, flows)
    assert lines == (
        ("equity at the first measured instant", 10 * S),
        ("result of its positions", 1 * S),
        ("funding", round(-13.5 * S)),
        ("deposits less withdrawals", 20 * S),
        ("equity at the last", round(17.5 * S)),
    )
    assert sum(amount for _, amount in lines[:-1]) == lines[-1][1]


# What would have saved it --------------------------------------------------------------------------------------------


def test_with_that_much_more_it_survives_and_with_a_dollar_less_it_does_not() -> None:
    """Along the marks of the worst account of the tiny run, second by second: equity + x against maintenance."""
    own = told()
    seen, run = own.seen, tiny_run()
    (saved, *_), (case, *_) = own.survivals, own.cases
    assert saved is not None and saved.more_uusd > 0
    first = next(int(t) for t in run.exact_rows()["liquidations"]["time_us"] if t >= case["time_us"])
    row = seen.at(first - 1)
    lots = int(seen.lots[row, 0])
    assert int(case["ticker"]) == 0
    rate = 0.025
    breaches = []
    for more in (saved.more_uusd, saved.more_uusd - S):
        worth = seen.equity_uusd[row] + more + lots * (seen.mark_ticks[row:, 0] - seen.mark_ticks[row, 0]) * int(seen.unit_uusd[0]) - lots * (seen.paid_pusd[row:, 0] - seen.paid_pusd[row, 0]) // 10**6  # fmt: skip
        needed = abs(lots) * seen.mark_ticks[row:, 0] * int(seen.unit_uusd[0]) * rate
        breaches.append(bool((worth < needed - 10).any()))
    assert breaches == [False, True]


# Who is told of ------------------------------------------------------------------------------------------------------


def with_rows(**rows: Any) -> Any:
    return SimpleNamespace(exact_rows=lambda: rows, scenario=tiny_run().scenario, instruments=tiny_run().instruments)


def events(*rows: tuple[int, int, int]) -> Any:
    found = np.zeros(len(rows), dtype=spec_of(liquidation.liquidation_events).dtype)
    for event, (account, value, missing) in zip(found, rows):
        event["account"], event["value_uusd"], event["shortfall_uusd"] = account, value, missing
    return found


def test_the_worst_left_the_largest_shortfall_or_had_most_taken() -> None:
    assert story.worst(with_rows(liquidations=events((20, 900, 0), (21, 100, 5), (22, 100, 7)))) == 22
    assert story.worst(with_rows(liquidations=events((20, 900, 0), (21, 500, 0), (21, -500, 0)))) == 21
    with pytest.raises(Mistake, match="nobody was liquidated"):
        story.worst(with_rows(liquidations=events()))


def test_a_broken_hedge_is_a_cut_of_somebody_with_tokens_the_other_way() -> None:
    """30 was long and held tokens: no hedge. 31 and 32 were short with tokens; 32 lost more."""
    cuts = np.zeros(3, dtype=spec_of(deleverage.deleverage_events).dtype)
    cuts["account"], cuts["lots"], cuts["token_ushares"], cuts["value_uusd"] = [30, 31, 32], [9, -5, -6], [9, 5, 6], [900, 50, 60]  # fmt: skip
    assert story.broken_hedge(with_rows(deleverages=cuts)) == 32
    trades = np.zeros(3, dtype=spec_of(matching.trades).dtype)
    trades["repair"], trades["aggressor"], trades["buyer"], trades["seller"] = (
        [2, 2, 1],
        [-1, 1, 1],
        [40, 41, 42],
        [50, 51, 52],
    )
    trades["price_ticks"], trades["size_lots"] = 1, [3, 2, 9]
    assert story.broken_hedge(with_rows(deleverages=cuts[:0], trades=trades)) == 50
    with pytest.raises(Mistake, match="no hedge was broken"):
        story.broken_hedge(with_rows(trades=trades[2:]))


# Sentences -----------------------------------------------------------------------------------------------------------


def test_it_says_what_was_opened_when_it_was_taken_and_what_would_have_survived() -> None:
    own = told()
    first, liquidated, *_, last = own.sentences
    assert first.startswith(f"Account {own.account:,} is one of tourists (retail); on Fri 15:29 it was worth $")
    held, saved = own.episodes[0], own.survivals[0]
    assert held is not None and saved is not None and held.seen and saved.leverage is not None
    assert re.match(rf"\d+(\.\d)?x (long|short) TSLAx \w{{3}} \d\d:\d\d at \${held.price_usd:,.2f}; liquidated \w{{3}} \d\d:\d\d:\d\d in \d+ steps? \(", liquidated)  # fmt: skip
    assert (
        f"; {saved.leverage:g}x, or ${-(-saved.more_uusd // S):,} more, would have survived (along the marks as they were"
        in liquidated
    )
    assert last.startswith("At the end it was worth ")
    trades = tiny_run().exact_rows()["trades"]
    mine = trades[(trades["book"] == 0) & ((trades["buyer" if held.side > 0 else "seller"]) == own.account)]
    assert held.from_us in mine["time_us"]


def test_an_account_that_was_never_liquidated_says_so() -> None:
    run = tiny_run()
    people = run.tables()["accounts"]
    calm = int(people[(people["group"] == "makers")]["account"].iloc[0])
    own = story.tell(run, calm)
    assert "It was never liquidated." in own.sentences and len(own.cases) == 0
    assert sum(amount for _, amount in own.ledger[:-1]) == own.ledger[-1][1]
    assert picture_title(own).endswith("it was never liquidated")


def test_a_cut_is_told_with_its_rank_and_for_whom() -> None:
    """25 shares of a short were closed at $9.30 beside a mark of $9.00: $7.50 to its cost, and its tokens stand alone."""
    cut = np.zeros(1, dtype=spec_of(deleverage.deleverage_events).dtype)[0]
    cut["time_us"], cut["for_account"], cut["account"], cut["rank"], cut["candidates"] = (
        1_773_043_207 * S,
        -1,
        20,
        3,
        120,
    )
    cut["lots"], cut["value_uusd"], cut["mark_ticks"], cut["token_ushares"] = -25, -232_500_000, 900, 25_000_000
    run = SimpleNamespace(
        instruments=Instruments(("TSLAx",), (10_000, 10_000), (10**6, 10**6)), scenario=tiny_run().scenario, tables=dict
    )
    assert story_text._reduced(run, cut) == (  # type: ignore[arg-type]
        "On Mon 04:00:07 25.00 TSLAx of its short was closed for accounts in liquidation: rank 3 of 120, at $9.30 beside a mark "
        "of $9.00, which cost it $7.50. That broke a hedge: it held tokens the other way."
    )


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run's folder."""
    return tiny_run().save(tmp_path_factory.mktemp("runs"), report=False)


def offhours(*words: str) -> Any:
    return CliRunner().invoke(cli.app, ["account", *words])


def test_the_command_tells_and_draws(folder: Path) -> None:
    """From the folder alone: the same story as from the run in memory."""
    result = offhours(str(folder), "--worst")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[: len(told().sentences)] == list(told().sentences)
    picture = folder / "accounts" / f"account-{told().account}.png"
    assert str(picture) in result.stdout and picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["3"], "there is no trader's account 3; they go from 11 to"),
        (["1000000"], "there is no trader's account 1000000"),
        ([], "one of: an account's number, --worst, --broken-hedge"),
        (["12", "--worst"], "one of: an account's number, --worst, --broken-hedge"),
        (["--broken-hedge"], "no hedge was broken in this run"),
    ],
)
def test_one_sentence_for_each_mistake(words: list[str], said: str, folder: Path) -> None:
    result = offhours(str(folder), *words)
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1 and result.stdout == ""


def test_a_run_that_does_not_come_out_the_same_is_not_told(folder: Path) -> None:
    run = Run.open(folder)
    run.summary["tape_sha256"] = "0" * 64
    with pytest.raises(Mistake, match="does not come out the same"):
        story.tell(run, told().account)
    run.summary["interrupted"] = True
    with pytest.raises(Mistake, match="interrupted"):
        story.tell(run, told().account)
