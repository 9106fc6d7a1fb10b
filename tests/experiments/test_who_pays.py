"""Rulebooks side by side: what a bill is made of, which intervals hold, and that the scenario's own rules step aside."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from offhours.experiments import who_pays, who_pays_page
from offhours.experiments.intervals import interval_of_mean
from offhours.experiments.many import Failure, Step
from offhours.experiments.metrics.solvency import own_margin_uusd
from offhours.experiments.progress import counting
from offhours.experiments.scenario import Scenario, scenario
from offhours.experiments.who_pays import (
    NOBODY,
    OWN,
    PROVIDERS,
    VAULT_LATER,
    Bill,
    Rulebook,
    SideBySide,
    arms,
    bill,
    counted,
    worst,
    worst_of,
)
from offhours.sim.mistake import Mistake
from offhours.sim.names import POLICY
from offhours.sim.rulebook import evidence

from .test_calc_cli import printed
from .tiny import tiny

CASES = np.array(
    [(1, 5, 40_000_000), (1, 6, 10_000_000), (2, 5, 25_000_000), (3, 6, -7_000_000), (1, 5, 20_000_000)],
    dtype=[("event", "i8"), ("account", "i8"), ("equity_uusd", "i8")],
)


def test_own_margin_is_what_an_account_had_less_what_is_left() -> None:
    """$40 to $25 is $15; $10 to minus $7 is $10, the seven are a shortfall; a case still open counts when it ends."""
    assert own_margin_uusd(CASES) == 25_000_000


def run_of(paid: dict[str, float | None], bad: float, interest: float | None, seed: int = 7, own: float = 25.0, **more: Any) -> Any:  # fmt: skip
    """A stand-in for a finished run; `more` are the stages of the venue, and results of its groups."""
    stages, results = more.get("stages", ()), more.get("results", {})
    summary = {
        "paid_by_usd": paid,
        "bad_debt_usd": bad,
        "gap_risk": {"open_interest_usd": interest},
        "liquidations": {"own_margin_usd": own, "notional_usd": 1000.0, "by_stage": {stage: {} for stage in stages}},
        "pnl_usd": {**results, "backstop": more.get("vault", 0.0)},
        "outcome": "complete",
        "by_ticker": {},
        "adl": more.get("adl"),
        "funding": {"std_bp": 0.5},
    }
    groups = [SimpleNamespace(name=name, population="liquidator") for name in results]
    return SimpleNamespace(
        summary=summary, seed=seed, scenario=SimpleNamespace(groups=groups, headline="TSLAx", name="it")
    )


def test_a_bill_is_per_million_of_open_interest_and_leaves_out_what_a_venue_lacks() -> None:
    own = bill(run_of({"pool": 30.0, "insurance fund": None}, 5.0, 2_000_000.0))
    assert own is not None
    assert dict(own.parts) == {OWN: 12.5, "liquidity pool": 15.0, NOBODY: 2.5}
    assert (own.total, own.shortfall) == (30.0, 17.5)
    assert bill(run_of({}, 0.0, None)) is None


def test_what_takers_lost_later_is_on_the_bill_and_no_part_of_the_shortfall() -> None:
    """Providers lost $8 on what they took, and the vault $10, of which $4 were a shortfall. What they gain takes nothing off the bill."""
    lost = run_of({"backstop": 4.0}, 0.0, 1e6, stages=("assignment", "backstop vault"), results={"takers": -8.0}, vault=-10.0)  # fmt: skip
    own = bill(lost)
    assert own is not None
    assert (own.parts[PROVIDERS], own.parts[VAULT_LATER]) == (8.0, 6.0)
    assert (own.total, own.shortfall) == (43.0, 4.0)
    won = bill(run_of({}, 0.0, 1e6, stages=("assignment",), results={"takers": 8.0}))
    assert won is not None and won.parts[PROVIDERS] == 0.0 and VAULT_LATER not in won.parts
    idle = bill(run_of({}, 0.0, 1e6, results={"takers": -8.0}))
    assert idle is not None and PROVIDERS not in idle.parts, "a venue that assigns nothing owes its providers nothing"


def test_a_count_of_zero_says_what_it_leaves_open() -> None:
    """1 - .025^(1/20) = .168: Clopper and Pearson (1934)."""
    assert counted(0, 20) == "0 of 20 (below 17 %, 95 %)"
    assert counted(20, 20) == "20 of 20 (above 83 %, 95 %)"


def test_the_worst_runs_are_one_in_a_hundred_and_at_least_one() -> None:
    assert worst([3.0, 9.0, 1.0]) == (9.0, 1)
    assert worst([float(i) for i in range(1, 201)]) == (199.5, 2)
    assert (worst_of(20), worst_of(200)) == ("worst 1 of 20 runs", "worst 1 % of runs")


def test_each_venue_stands_as_it_is() -> None:
    own = scenario("weekend-gap")
    assert "perp.margin.class" in own.own_rules()
    chosen, _ = arms(own, ["kraken", "bitmex"])
    for name, at in chosen.items():
        assert at.rules.venue.name == name
        changed = {d.name for d in at.differences()} - {"perp.margin.class"}
        assert not {name for name in changed if name.startswith(("perp.", "token."))}
        assert at.gaps == own.gaps
        assert [g.count for g in at.groups] == [g.count for g in own.groups]
    assert chosen["kraken"].rules.setting("perp.margin.class").text == "D"
    kept, _ = arms(scenario("weekend-gap", {"perp.liquidation.fee": "0.3 %"}), ["kraken", "bitmex"])
    assert {at.rules.setting("perp.liquidation.fee").text for at in kept.values()} == {"0.3 %"}


@pytest.mark.parametrize(
    ("venues", "policies", "said"),
    [
        (["kraken"], [], "two or more"),
        (["kraken", "kraken"], [], "'kraken' is named twice"),
        (["kraken", "krakn"], [], "did you mean kraken?"),
        (["kraken", "okx"], [], "runs by it"),
        ([], ["queue"], "two or more"),
        ([], ["queue", "qeue"], "--policies"),
        ([], ["queue", "pro rata", "queue"], "'queue' is named twice"),
    ],
)
def test_wrong_arms_are_one_sentence(venues: list[str], policies: list[str], said: str) -> None:
    with pytest.raises(Mistake) as caught:
        arms(scenario("weekend-gap"), venues, policies)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_policies_are_arms_alone_and_at_each_venue() -> None:
    """Alone they leave the scenario's own rules as they are; a venue that deleverages nobody is left out, with a sentence."""
    own = scenario("weekend-gap")
    alone, _ = arms(own, policies=["queue", "pro rata"])
    assert {at.rules.setting(POLICY).text for at in alone.values()} == {"queue", "wealth pro rata"}
    assert {at.rules.setting("perp.margin.class").text for at in alone.values()} == {"flat20"}
    both, failures = arms(own, ["kraken", "bitmex"], ["queue", "pro rata"])
    assert list(both) == ["kraken, queue", "kraken, pro rata", "bitmex, queue", "bitmex, pro rata"]
    assert both["bitmex, pro rata"].rules.venue.name == "bitmex" and not failures


def test_a_venue_that_cannot_hold_the_scenario_is_left_out(tmp_path: Path) -> None:
    """The tick is too fine for the price: the other two are compared all the same, and two are needed."""
    text = Path(who_pays.__file__).parent.parent.joinpath("sim", "venues", "kraken.toml").read_text("utf-8")
    assert "tick = " in text
    bad = tmp_path / "fine.toml"
    bad.write_text(re.sub(r"(?m)^tick = .*$", 'tick = "$0.000001"', text), "utf-8")
    found, failures = arms(scenario("weekend-gap"), ["kraken", str(bad), "bitmex"])
    assert list(found) == ["kraken", "bitmex"]
    assert [failure.label for failure in failures] == ["fine"] and failures[0].seed is None
    with pytest.raises(Mistake, match="fewer than two are left to compare: fine"):
        arms(scenario("weekend-gap"), ["kraken", str(bad)])


def test_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    text = Path(who_pays.__file__).parent.parent.joinpath("sim", "venues", "kraken.toml").read_text("utf-8")
    (tmp_path / "kraken.toml").write_text(text, "utf-8")
    found, _ = arms(scenario("weekend-gap"), ["kraken", str(tmp_path / "kraken.toml")])
    assert list(found) == ["kraken", str(tmp_path / "kraken.toml")]


def book(label: str, of: Scenario, shortfalls: list[float], **more: Any) -> Rulebook:
    """A rulebook with runs of given shortfalls per $1M."""
    vault = {"backstop": 0.0} if "vault" in more else {}
    runs = [run_of({"insurance fund": cost, **vault}, 0.0, 1e6, seed, **more) for seed, cost in enumerate(shortfalls)]
    for run in runs:
        run.scenario = of
    return Rulebook(label, label, of, 20, 6, runs)


def side(*books: Rulebook, seeds: tuple[int, ...] = (0, 1), failures: tuple[Failure, ...] = (), **more: Any) -> SideBySide:  # fmt: skip
    return SideBySide("Who pays?", list(books), seeds, list(failures), more.pop("interrupted", False), (), **more)


def texts_of(found: SideBySide) -> list[str]:
    """All that is written in the figure."""
    return [text.get_text() for text in who_pays_page.picture_of(found).findobj(Text)]


def test_the_title_says_who_pays_and_no_more_than_is_shown() -> None:
    own = tiny()
    clear = side(book("one", own, [100.0, 102.0, 101.0]), book("two", own, [0.0, 0.0, 0.0]), seeds=(0, 1, 2))
    assert who_pays_page.title(clear) == "one costs others $101 per $1M of open interest, all of it paid by the insurance fund; two nothing"  # fmt: skip
    luck = side(book("one", own, [100.0, 0.0]), book("two", own, [0.0, 10.0]))
    assert who_pays_page.title(luck).endswith("; two $5.00 (too few seeds to tell them apart)")
    free = side(book("one", own, [0.0, 0.0]), book("two", own, [0.0, 0.0]))
    assert who_pays_page.title(free).startswith("Under 2 rulebooks the margin of the liquidated accounts pays all")
    vault = side(book("one", own, [1.0, 1.0], stages=("backstop vault",), vault=-9.0), book("two", own, [0.0, 0.0]))
    assert "one costs others $10.00 per $1M of open interest, 90 % of it lost by the vault on what it took" in who_pays_page.title(vault)  # fmt: skip


def test_differences_are_paired_and_their_intervals_hold_together() -> None:
    own = tiny()
    found = side(book("one", own, [100.0, 120.0]), book("two", own, [0.0, 10.0]))
    row = next(row for row in who_pays.rows(found) if row.label == "shortfall per $1M")
    assert row.means == (110.0, 5.0) and row.counts == ("2 of 2 (above 16 %, 95 %)", "1 of 2 (1 to 99 %, 95 %)")
    assert row.differences[0] is not None
    mean, low, high = row.differences[0]
    assert mean == -105.0
    assert low < -105 < high
    single = interval_of_mean([-100.0, -110.0])
    assert single is not None
    assert high > single[1], "several intervals at once are each wider"


def test_the_figure_has_a_bar_a_rulebook_and_its_evidence() -> None:
    own = tiny()
    found = side(book("one", own, [100.0, 120.0]), book("two", own, [0.0, 10.0]))
    figure = who_pays_page.picture_of(found)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    written = texts_of(found)
    assert written.count("20 / 6") == 2 and "sourced /\nassumed" in written
    assert {"$135", "$145", "$30.00", "$35.00"} <= set(written), "totals of the mean and of the worst run"
    assert all(not text.get_parse_math() for text in figure.findobj(Text) if text.get_text().count("$") > 1)
    thick = [patch for patch in ax.patches if patch.get_height() > 0.3]
    thin = [patch for patch in ax.patches if patch.get_height() < 0.2]
    assert sum(patch.get_width() for patch in thick[:2]) == pytest.approx(25 + 110)
    assert sum(patch.get_width() for patch in thin[:2]) == pytest.approx(25 + 120)


def test_the_page_needs_no_network_and_says_what_is_missing(tmp_path: Path) -> None:
    own = tiny()
    lost = (Failure("two", 1, "fair.py: raised KeyError"), Failure("two", 2, "fair.py: raised KeyError"), Failure("mine", None, "too fine"))  # fmt: skip
    found = side(book("one", own, [100.0, 120.0, 0.0]), book("two", own, [0.0]), seeds=(0, 1, 2), failures=lost, kept=1)
    text = who_pays_page.write_page(found, tmp_path).read_text("utf-8")
    assert (tmp_path / "who-pays.png").stat().st_size > 10_000
    for said in (
        "2 of 3 (9 to 99 %, 95 %)",
        "0 of 1",
        "20 sourced, 6 assumed",
        "two: 2 runs of 3 lost (seeds 1 and 2): fair.py: raised KeyError",
        "mine is left out: too fine",
    ):
        assert said in text, said
    words = re.sub(r'base64,[^"]*', "", text)
    assert "http" not in words and "e+0" not in words
    assert any("one seed" in note for note in who_pays_page.notes(side(*found.books, seeds=(0,))))
    early = side(*found.books, seeds=tuple(range(20)), interrupted=True)
    assert "interrupted: 1 to 3 of 20 seeds were done; the same command goes on from there" in who_pays_page.notes(
        early
    )
    same = side(book("a", own, [0.0]), book("b", own, [0.0]), policies=True)
    assert any("could not differ" in note for note in who_pays_page.notes(same))


def test_a_bill_of_no_runs_is_said() -> None:
    own = tiny()
    found = side(book("one", own, [1.0]), book("two", own, []), seeds=(0,))
    assert any("two" in line and "no run came to its end" in line for line in who_pays_page.lines(found))
    assert " no run came to its end" in texts_of(found)
    assert "no run" in who_pays_page.page(found)
    assert found.books[1].bills == [] and isinstance(found.books[0].bills[0], Bill)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(12_345.0, "min", "12,345 min"), (-0.5, "%", "−0.50 %"), (3.0, "count", "3"), (0.25, "share", "25.0 %"), (-0.25, "share", "−25.0 %"), (None, "USD", "none")],
)  # fmt: skip
def test_numbers_are_written_for_people(value: float | None, unit: str, text: str) -> None:
    assert who_pays_page._value(value, unit) == text


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("weekend-gap", "at the close, Fri 2026-03-06 16:00 New York"),
        ("october-10", "as the move begins, Wed 2026-05-13 14:10 New York"),
    ],
)
def test_a_bill_says_of_which_instant_its_open_interest_is(name: str, when: str) -> None:
    own = scenario(name)
    found = side(book("one", own, [100.0, 120.0]), book("two", own, [0.0, 10.0]))
    per = f"USD per $1M of open interest {when}"
    assert f"<h2>The bill, {per}</h2>" in who_pays_page.page(found)
    assert any(text.startswith(f"{per}\nbar: mean of 2 seeds") for text in texts_of(found))
    assert f"above: mean over the runs, {per}" in who_pays_page.lines(found)


def test_a_telephone_gets_a_figure_of_its_own() -> None:
    """Narrow, with the same bars, and below the page's heading rather than with a title of its own."""
    own = tiny()
    found = side(book("one", own, [100.0, 120.0]), book("two", own, [0.0, 10.0]))
    wide, narrow = (who_pays_page.picture_of(found, on_telephone) for on_telephone in (False, True))
    assert narrow.get_figwidth() < 0.5 * wide.get_figwidth()
    assert [p.get_width() for p in narrow.axes[0].patches] == [p.get_width() for p in wide.axes[0].patches]  # type: ignore[attr-defined]
    assert wide.axes[0].get_title("left") and not narrow.axes[0].get_title("left")
    assert who_pays_page.page(found).count('<source media="(max-width:40rem)"') == 1


def test_a_difference_of_next_to_nothing_has_no_sign() -> None:
    row = who_pays.Row("it", "min", (1.0, 1.0, 1.0), ((-0.2, -3.0, 2.0), (0.2, -3.0, 2.0), (-1.0, -3.0, 2.0)))
    assert [who_pays_page._difference(row, place) for place in range(3)] == ["0 (−3 to 2) min", "0 (−3 to 2) min", "−1 (−3 to 2) min"]  # fmt: skip


def test_what_is_sourced_and_assumed_is_counted_as_it_is_listed() -> None:
    """The column of the figure and the list of rulebooks count the same values."""
    chosen, _ = arms(tiny(), ["dydx", "bybit"])
    found = {label: evidence(at.rules.venue) for label, at in chosen.items()}
    listed = {line.split()[0]: after for line, after in zip(*[iter(printed("venues").splitlines())] * 2)}
    for label, (sourced, assumed) in found.items():
        assert listed[label].strip() == f"sourced {sourced}, assumed {assumed}"


def test_where_runs_were_lost_the_title_is_told_from_what_all_have() -> None:
    """Seed 0 was bad for all, and lost by one: on seed 1, which both have, nothing differs."""
    own = tiny()
    whole, lost = book("one", own, [100.0, 10.0]), book("two", own, [100.0, 10.0])
    lost.runs = lost.runs[1:]
    found = side(whole, lost)
    assert who_pays_page.title(found) == "Under 2 rulebooks others bear the same, $10.00 per $1M of open interest, all of it paid by the insurance fund"  # fmt: skip
    assert "two (1 of 2)" in texts_of(found) and "one" in texts_of(found)
    assert "<th>two (1 of 2)</th>" in who_pays_page.page(found)
    assert any(line.startswith("two (1 of 2): sourced 20") for line in who_pays_page.lines(found))


def test_the_time_left_is_told_from_runs_that_did_not_compile(capsys: pytest.CaptureFixture[str]) -> None:
    done = counting()
    for number in (1, 2, 3):
        done(Step("a", number, number, 3, 0))
    said = capsys.readouterr().err.splitlines()
    assert (
        said[0] == "1 of 3 runs: a, seed 1"
        and said[1].endswith("; about 0 s left")
        and said[2] == "3 of 3 runs: a, seed 3"
    )
