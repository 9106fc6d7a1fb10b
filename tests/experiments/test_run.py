"""A run: the same tape every time, money that sums, a warm-up that can be shared, and a clean end."""

from __future__ import annotations

import json
import os
import signal
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.experiments import measure as measure_module
from offhours.experiments import run as run_module
from offhours.experiments.advance import MarketFull, Stage
from offhours.experiments.measure import build, measure
from offhours.experiments.run import run, run_one
from offhours.experiments.scenario import scenario
from offhours.sim.market import clock
from offhours.sim.mistake import Mistake
from plain.fresh import printed

from .tiny import FILE, tiny, tiny_run

KEYS = (
    "format", "scenario", "headline", "digest", "seed", "version", "events", "messages", "trades", "wall_s", "tape_sha256",
    "funding", "gap", "first_price", "by_ticker", "liquidations", "shortfall_usd", "paid_by_usd", "bad_debt_usd",
    "takeover_pnl_usd", "adl", "pnl_usd", "conservation_error",
)  # fmt: skip
"""What ``--json`` promises."""


def in_dollars(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary as a reader of its JSON with exact decimals has it."""
    found: dict[str, Any] = json.loads(json.dumps(summary), parse_float=Decimal)
    return found


def test_the_summary_has_every_promised_key() -> None:
    summary = tiny_run().summary
    assert [key for key in KEYS if key not in summary] == []
    assert set(summary["funding"]) >= {"mean_bp", "std_bp", "share_at_cap", "annual_pct"}
    assert set(summary["gap"]) >= {"stock_pct", "perp_open_gap_pct"}
    assert set(summary["first_price"]) >= {"time_utc", "pct"}
    assert set(summary["liquidations"]) >= {"count", "notional_usd", "by_stage"}
    assert set(summary["adl"]) >= {"count", "accounts", "notional_usd", "over_liquidated", "first_after_s", "price"}
    assert [name for name, paid in summary["paid_by_usd"].items() if paid is None] == ["backstop", "insurance fund"]
    assert summary["outcome"] == "complete" and summary["audit"] == [] and summary["conservation_error"] == 0


def test_money_sums_to_the_last_digit() -> None:
    """Shortfall = paid + bad debt, results sum to zero: as exact decimals of the printed numbers."""
    summary = in_dollars(tiny_run().summary)
    assert summary["shortfall_usd"] > 0
    paid = [value for value in summary["paid_by_usd"].values() if value is not None]
    assert summary["shortfall_usd"] == sum(paid) + summary["bad_debt_usd"]
    assert sum(summary["pnl_usd"].values()) == 0
    assert sum(summary["endowment_gain_usd"].values()) == 0


def test_what_nobody_paid_is_bad_debt() -> None:
    """A venue with a backstop that has no capital: it cannot pay; the three still sum."""
    stages = "partial step, full at zero equity, backstop vault"
    poor = in_dollars(run_one(tiny(perp__liquidation__stages=stages, perp__backstop__capital="$0"), 7).summary)
    assert poor["bad_debt_usd"] > 0
    assert poor["shortfall_usd"] == poor["paid_by_usd"]["backstop"] + poor["bad_debt_usd"]
    assert poor["pnl_usd"]["nobody"] == -poor["bad_debt_usd"]


def test_the_gap_is_the_one_given() -> None:
    """-15 % from Friday's close to Monday's bell; the first quote came at 04:00 New York (08:00 UTC, summer time), 55 h on."""
    summary = tiny_run().summary
    assert summary["gap"]["stock_pct"] == pytest.approx(-15.0, abs=1e-6)
    assert -15 < summary["gap"]["perp_open_gap_pct"] < 0
    assert summary["first_price"]["time_utc"] == "2026-03-09T08:00:00Z"
    assert summary["first_price"]["hours_without"] == pytest.approx(55, abs=0.01)
    alone = summary["gap_alone"]
    assert alone["liquidated_usd"] >= alone["bankrupt_usd"] > 0


def test_only_what_was_measured_is_counted() -> None:
    """No row is older than measure_from; the counters begin there, too."""
    made = tiny_run()
    for name, rows in made.exact_rows().items():
        assert len(rows) == 0 or rows["time_us"].min() >= made.scenario.measure_from_us, name
    assert made.summary["trades"] == len(made.exact_rows()["trades"])


def test_the_notional_of_liquidations_is_that_of_the_table() -> None:
    made = tiny_run()
    events = made.tables()["liquidations"]
    acts = events[events["ticker"] != ""]
    own = made.summary["liquidations"]
    assert own["count"] == len(acts)
    assert own["notional_usd"] == pytest.approx(acts["value_usd"].sum())
    assert events["shortfall_usd"].sum() == pytest.approx(made.summary["shortfall_usd"])


def test_groups_show_the_results_of_the_summary() -> None:
    made = tiny_run()
    groups = made.tables()["groups"].set_index("group")
    assert groups["pnl_usd"].to_dict() == made.summary["pnl_usd"]
    flows = [column for column in groups.columns if column.endswith("_usd") and column != "pnl_usd"]
    assert groups[flows].sum().abs().max() < 1e-6


# The same again ------------------------------------------------------------------------------------------------------


def test_the_same_tape_again_and_in_a_second_process() -> None:
    code = (
        "from offhours.experiments.run import run_one; from offhours.experiments.scenario import scenario; "
        f"print(run_one(scenario({str(FILE)!r}), 7).summary['tape_sha256'])"
    )
    assert printed(code) == tiny_run().summary["tape_sha256"]
    assert run_one(tiny(), 7).summary["tape_sha256"] == tiny_run().summary["tape_sha256"]
    assert run_one(tiny(), 8).summary["tape_sha256"] != tiny_run().summary["tape_sha256"]


def test_the_same_tape_in_a_thread() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(run_one(tiny(), 7).summary["tape_sha256"]))
    thread.start()
    thread.join()
    assert found == [tiny_run().summary["tape_sha256"]]


def test_a_run_without_a_warm_up() -> None:
    """It begins with endowments paid in, and they are no result."""
    made = run_one(tiny(start="2026-03-06 15:30"), 7)
    assert made.summary["outcome"] == "complete"
    assert abs(in_dollars(made.summary)["pnl_usd"]["outside world"]) < Decimal("0.0001")


def test_a_run_that_sees_no_closed_window_has_no_gap(tmp_path: Path) -> None:
    """What is not there is null, not 0."""
    text = FILE.read_text().split("[[gap]]")[0].replace("2026-03-09 10:00", "2026-03-06 15:50") + FILE.read_text()[FILE.read_text().index("[[group]]") :]  # fmt: skip
    (tmp_path / "short.toml").write_text(text)
    summary = run_one(scenario(tmp_path / "short.toml"), 7).summary
    assert {value for key, value in summary["gap"].items() if not key.startswith("mark_")} == {None}
    assert summary["gap"]["mark_seen_minutes"] == 21.0, "a mark can be wrong without a gap: 15:30 to 15:50, both ends"
    assert summary["first_price"] is None and summary["gap_alone"] is None


# Endings -------------------------------------------------------------------------------------------------------------


def interrupt_at(share: float, doing: str = "running") -> Any:
    """A progress call that presses Ctrl-C when a stage has come so far."""

    def progress(stage: Stage) -> None:
        if stage.doing == doing and stage.now_us - stage.from_us >= share * (stage.to_us - stage.from_us):
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def test_ctrl_c_ends_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary says when, money still sums, and Python's own handler is back."""
    handler = signal.getsignal(signal.SIGINT)
    made = run_one(tiny(), 7, interrupt_at(0.3))
    assert made.interrupted and made.summary["outcome"].startswith("interrupted at ")
    assert made.scenario.measure_from_us < made.exact_rows()["bars"]["time_us"].max() < made.scenario.end_us
    assert sum(in_dollars(made.summary)["pnl_usd"].values()) == 0 and made.summary["audit"] == []
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_interrupted_run_is_the_beginning_of_the_whole_one() -> None:
    made = run_one(tiny(), 7, interrupt_at(0.3))
    for name, rows in made.exact_rows().items():
        np.testing.assert_array_equal(rows, tiny_run().exact_rows()[name][: len(rows)])


def test_ctrl_c_in_the_warm_up_leaves_nothing() -> None:
    assert measure(tiny(), 7, interrupt_at(0.0, "warming up"), cached=False) is None


def test_a_full_table_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with room for two bars runs full, and the sentence says which."""

    def small(chosen: Any, seed: int, log_trades: bool = True) -> Any:
        market = build(chosen, seed, log_trades)
        market.memory[clock.logs]["room"][clock.LEVERAGE_LOG] = 3
        return market

    monkeypatch.setattr(measure_module, "build", small)
    with pytest.raises(MarketFull, match=r"the market stopped on Fri 2026-03-06 .* table of leverage ran full"):
        run_one(tiny(), 7, cached=False)


def test_too_many_traders_are_one_sentence() -> None:
    with pytest.raises(Mistake, match="do not fit into the queue of wakes, which holds 1,048,575"):
        build(tiny(group__noise__count="1,000,000", group__tourists__count="100,000"), 7)


def test_a_market_whose_makers_have_all_stopped_says_so() -> None:
    """A loss limit of nothing at all: each maker stops as soon as he has paid a fee."""
    made = run_one(tiny(group__makers__loss_limit="0", group__makers__pause="1000 days"), 7)
    assert made.summary["outcome"].startswith("no maker left at ")


def test_controls_run_on_the_same_luck() -> None:
    made = run(tiny(), 7, controls=True)
    control = made.control("always-open")
    assert control is not None and control.scenario.always_open and control.seed == 7
    own = made.summary["controls"]["always-open"]
    assert own["tape_sha256"] == run_one(tiny(always_open="true"), 7, log_trades=False).summary["tape_sha256"]
    assert own["bad_debt_usd"] == control.summary["bad_debt_usd"]
    assert made.control("no-leverage") is None


def test_a_run_has_a_notebook_face() -> None:
    face = tiny_run()._repr_html_()
    assert "tiny, seed 7" in face and "liquidated" in face and "<table>" in face


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(Mistake, match="a seed is a whole number"):
        run_one(tiny(), -1)


def test_python_reaches_the_same_by_the_short_way() -> None:
    """`oh.scenario(...).run(seed)` is the run of the command line."""
    import offhours

    short: Any = offhours.scenario
    assert short(str(FILE)).run(seed=7).summary["tape_sha256"] == tiny_run().summary["tape_sha256"]
    assert scenario(FILE).digest == tiny_run().summary["digest"]


def test_a_control_that_fails_loses_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(chosen: Any, *words: Any, **options: Any) -> Any:
        if chosen.always_open:
            raise MarketFull("the table of trades ran full")
        return run_one(chosen, *words, **options)

    monkeypatch.setattr(run_module, "run_one", failing)
    made = run(tiny(), 7, controls=True)
    assert made.summary["controls"] == {"always-open": {"outcome": "the table of trades ran full"}}
    assert made.summary["tape_sha256"] == tiny_run().summary["tape_sha256"]


def test_the_same_tape_uncompiled(tmp_path: Path) -> None:
    """Ten minutes of seven traders, as plain Python and as machine code."""
    text = FILE.read_text().split("[[gap]]")[0] + FILE.read_text()[FILE.read_text().index("[[group]]") :]
    text = text.replace("2026-03-06 15:30", "2026-03-06 15:02").replace("2026-03-09 10:00", "2026-03-06 15:10")
    text = text.replace("count = 60", "count = 5").replace("count = 20", "count = 5").replace('"2 min"', '"10 s"')
    (tmp_path / "minutes.toml").write_text(text)
    code = (
        "from offhours.experiments.run import run_one; from offhours.experiments.scenario import scenario; "
        f"s = run_one(scenario({str(tmp_path / 'minutes.toml')!r}), 7, cached=False).summary; "
        "print(s['tape_sha256'], s['trades'])"
    )
    found = printed(code), printed(code, OFFHOURS_COMPILE="0")
    assert found[0] == found[1] and int(found[0].split()[1]) > 10


def test_what_a_run_is_about() -> None:
    """A gap given to the headline, else a move given to it in the measured time, else the first closed window."""
    from dataclasses import replace

    from offhours.experiments.measure import news_of, window_of
    from offhours.experiments.moves import Move

    own = tiny()
    early, late = own.measure_from_us - 60_000_000, own.measure_from_us + 60_000_000
    assert news_of(own) == window_of(own) is not None
    gapless = replace(own, gaps=(), moves=(Move("TSLAx", late, late + 5, -1), Move("TSLAx", late + 7, late + 9, -1)))
    assert news_of(gapless) == (late, late + 9)
    assert news_of(replace(own, moves=gapless.moves)) == window_of(own), "the gap is what it is about"
    assert news_of(replace(gapless, moves=(Move("TSLAx", early, late, -1),))) == window_of(gapless)
    assert news_of(replace(gapless, headline="SPYx")) == window_of(gapless)
