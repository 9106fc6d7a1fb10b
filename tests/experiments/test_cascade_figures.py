"""Figures and sentences of what spreads, of a story written by hand: what their titles say is counted with pencil and paper."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from offhours.experiments import cascade_report
from offhours.experiments.cascade_summary import _news, cascade, cascade_material
from offhours.experiments.figures import FIGURES, available, render
from offhours.experiments.figures import cascades as cascade_figures
from offhours.experiments.figures.cascades import CASCADES
from offhours.experiments.metrics import cascades
from offhours.experiments.moves import Move
from offhours.experiments.tables import RECORDED, Instruments, shown
from offhours.sim.declare import spec_of
from offhours.sim.hours import MINUTE_US, SECOND_US, parse_new_york
from offhours.sim.market.liquidation import DELEVERAGED, OPENED
from offhours.sim.mistake import Mistake

from .tiny import tiny

AWAKE = parse_new_york("2026-03-09 04:00")
SCENARIO = tiny()
INSTRUMENTS = Instruments.of(SCENARIO.rules)
TICK_USD = INSTRUMENTS.tick_uusd[0] / 1e6
UNIT_UUSD = INSTRUMENTS.tick_uusd[0] * INSTRUMENTS.lot_ushares[0] // 10**6
LOTS_A_SHARE = 10**6 // INSTRUMENTS.lot_ushares[0]


def ticks(usd: float) -> int:
    return round(usd / TICK_USD)


def rows(name: str, *records: dict[str, Any]) -> Any:
    found = np.zeros(len(records), dtype=spec_of(RECORDED[name]).dtype)
    for row, record in zip(found, records):
        for column, value in record.items():
            row[column] = value
    return found


MINUTES = range(-60, 301, 1)


def mark_usd(minute: int) -> float:
    """$400 before; at $368 (-8 %) at 0, down to $359.20 (-10.2 %) at 60, back by $4.80 (1.2 points) at 240."""
    if minute < 0:
        return 400.0
    return 368.0 - 8.8 * minute / 60 if minute <= 60 else min(364.0, 359.2 + 4.8 * (minute - 60) / 180)


def calm_usd(minute: int) -> float:
    """The same luck without liquidations: -8 % for good."""
    return 400.0 if minute < 0 else 368.0


def bar(minute: int) -> dict[str, Any]:
    mark = ticks(mark_usd(minute))
    return {
        "time_us": AWAKE + minute * MINUTE_US, "stock_visible": int(minute >= 0), "stock_usd": calm_usd(minute), "index_usd": calm_usd(minute),
        "mark_ticks": mark, "perp_bid_ticks": mark - 1, "perp_ask_ticks": mark + 1, "interest_lots": 100 * LOTS_A_SHARE, "phase": 1 if minute >= 0 else 3,
    }  # fmt: skip


def act(second: float, account: int, shares: float, usd: float, stage: int = 1, equity: float = 0.0) -> dict[str, Any]:
    lots = round(shares * LOTS_A_SHARE)
    return {
        "time_us": AWAKE + round(second * SECOND_US), "account": account, "ticker": 0, "stage": stage, "lots": lots,
        "value_uusd": abs(lots) * ticks(usd) * UNIT_UUSD, "mark_ticks": ticks(usd), "equity_uusd": round(equity * 1e6),
    }  # fmt: skip


def case(second: int, account: int, mark: float, index: float) -> dict[str, Any]:
    return {"time_us": AWAKE + second * SECOND_US, "account": account, "ticker": 0, "event": OPENED, "mark_ticks": ticks(mark), "index_ticks": ticks(index)}  # fmt: skip


ACTS = [
    act(1.1, 20, 10, 368.0),
    act(2.1, 21, 5, 366.0),
    act(3.1, 22, 5, 364.0),
    act(4, 23, 2, 362.0, DELEVERAGED, -15.0),
]
CASES = [case(1, 20, 368.0, 368.0), case(2, 21, 366.0, 367.0), case(3, 22, 364.0, 366.0), case(4, 23, 362.0, 365.0)]
CUTS = [
    {
        "time_us": AWAKE + 4 * SECOND_US, "ticker": 0, "for_account": 23, "account": 31 + n, "rank": n + 1, "candidates": 9,
        "lots": -LOTS_A_SHARE, "mark_ticks": ticks(362.0), "value_uusd": LOTS_A_SHARE * ticks(369.5) * UNIT_UUSD, "equity_uusd": 500_000_000 * (n + 1),
        "notional_uusd": 724_000_000, "profit_uusd": 60_000_000, "gross_uusd": 724_000_000, "token_ushares": 2_000_000 * n,
    }
    for n in range(2)
]  # fmt: skip
"""Two shorts of two shares each give up one share at $369.50 beside a mark of $362: $7.50 each, which the $15 needed."""


TOLD = {
    "news": "the first stock price",
    "base": "Friday's close",
    "from_utc": "2026-03-09T08:00:00Z",
    "base_usd": 400.0,
}


def by_hand(with_calm: bool = True, cuts: bool = True) -> Any:
    """An awakening: four cases in one wave, of which without liquidations only the first would have been."""
    exact = {name: rows(name) for name in RECORDED}
    exact["bars"] = rows("bars", *(bar(minute) for minute in MINUTES))
    exact["liquidations"], exact["cases"] = rows("liquidations", *ACTS), rows("cases", *CASES)
    if cuts:
        exact["deleverages"] = rows("deleverages", *CUTS)
    rates = [{"time_us": AWAKE + n * 60 * MINUTE_US, "rate_ppb": ppb} for n, ppb in enumerate([100_000, -100_000] * 8)]
    exact["funding"] = rows("funding", *rates)
    tables = {name: shown(name, exact[name], INSTRUMENTS) for name in exact}
    tables["accounts"] = pd.DataFrame({"account": range(20, 40), "group": ["tourists"] * 11 + ["arbitrageurs"] * 9})
    paths = None
    if with_calm:
        times = AWAKE + np.array(MINUTES) * MINUTE_US
        calm = np.array([calm_usd(minute) for minute in MINUTES])
        tables["calm"] = pd.DataFrame({"time_utc": times.astype("datetime64[us]"), "ticker": "TSLAx", "mark_usd": calm, "index_usd": calm, "perp_usd": calm})  # fmt: skip
        paths = {0: cascades.Path(times, calm, calm)}
    after = np.array(MINUTES) * MINUTE_US
    moved, calmly = (100 * (np.array([of(minute) for minute in MINUTES]) / 400.0 - 1) for of in (mark_usd, calm_usd))
    summary = {
        "headline": "TSLAx",
        "first_price": {"time_utc": "2026-03-09T08:00:00Z", "close_usd": 400.0, "from": "Friday's close"},
        "dominoes": TOLD | (cascades.dominoes(after, moved, calmly) or {}) if with_calm else None,
        "cascade": cascade(cascade_material(exact, SCENARIO.rules), 1, paths),
        "funding": {"acf": {"1": -0.9}},
        "basis": {"half_life_minutes": {"regular": 8.2, "asleep": 43.3}},
        "gap": {"first_price_miss_pct": -8.0, "minutes_apart": None},
        "adl": {"over_liquidated": 0.1},
    }  # fmt: skip
    return SimpleNamespace(
        tables=lambda: tables,
        exact_rows=lambda: exact,
        summary=summary,
        scenario=SCENARIO,
        seed=7,
        instruments=INSTRUMENTS,
    )


def drawn(run: Any, name: str) -> Any:
    figure = render(run, name)
    FigureCanvasAgg(figure).draw()
    return figure


def title_of(run: Any, name: str) -> str:
    return " ".join(drawn(run, name).axes[0].get_title(loc="left").split())


TITLES = {
    "dominoes": "The news took 8.0 %; liquidations took another 2.2 % and gave back 1.2 within 3 h",
    # Case 1 is news; the other three moved beyond $368, which the market without liquidations never left: 3 of 4. Dollars:
    # 10 x 368 + 5 x 366 + 5 x 364 + 2 x 362 = 8,054.
    "cascade": "Others' liquidations forced 75 % of 4 cases; the wave with most of it has 4 cases, $8,054 (all drawn)",
    "contagion": "0.0 % of $8,054 was closed in another ticker than the account's heaviest",
    # Twice one share at $369.50.
    "deleveraging": "ADL closed $739 of 2 accounts, 100 % of it in profit; one account bore 50 %",
    # Sixteen rates that change sign each hour: -15/16.
    "steadiness": "TSLAx: a funding rate tells 0 % of the next one's distance from the mean; half of a basis is gone after 8 min in regular hours and 43 min while the stock sleeps",
    "awakening": "The first price came −8.0 % from the perp; mark and stock did not agree again",
}


def test_each_figure_of_this_file_has_its_test() -> None:
    assert tuple(TITLES) == tuple(CASCADES) and set(cascade_figures.MATERIAL) == set(CASCADES) < set(FIGURES)


@pytest.mark.parametrize("name", TITLES)
def test_titles_are_findings(name: str) -> None:
    assert title_of(by_hand(), name) == TITLES[name]


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ((-8.0, 0.01, 0.0, 3.0), "The news took 8.0 %; liquidations moved the mark by less than 0.05 %"),
        ((-8.0, -0.30, 0.12, 1.0), "The news took 8.0 %; liquidations took another 0.30 % and gave back 0.12 within 60 min"),
        ((5.0, 1.0, -0.5, 3.0), "The news added 5.0 %; liquidations added another 1.0 % and gave nothing back within 3 h"),
        ((-8.0, 1.0, 0.5, 2.0), "The news took 8.0 %; liquidations held back 1.0 % of it and gave back 0.5 within 2 h"),
    ],
)  # fmt: skip
def test_news_and_dominoes_in_words(found: tuple[float, float, float, float], title: str) -> None:
    keys = ("news_pct", "liquidations_pct", "gave_back_pct", "gave_back_hours")
    assert cascade_figures.dominoes_title(dict(zip(keys, found))) == title


def test_the_area_between_the_paths_is_the_work_of_liquidations() -> None:
    """From minute -30 to 240, in percent of Friday's close: the two lines, and what lies between them."""
    ax = drawn(by_hand(), "dominoes").axes[0]
    line = {own.get_label(): own for own in ax.get_lines()}
    run, calm = line["mark as run"], line["mark without\nliquidations"]
    assert (run.get_xdata()[0], run.get_xdata()[-1]) == (-30, 240) and ax.get_xlim() == (-30, 240)
    assert run.get_ydata().min() == pytest.approx(-10.2, abs=0.01) and calm.get_ydata().min() == pytest.approx(
        -8.0, abs=0.01
    )
    assert run.get_linewidth() > 2 * calm.get_linewidth()
    area = ax.collections[0].get_paths()[0].vertices
    at_the_worst = np.unique(area[area[:, 0] == 60][:, 1].round(2))
    assert at_the_worst.tolist() == pytest.approx([-10.2, -8.0], abs=0.01) and area[:, 0].max() == 240


def test_the_cascade_draws_who_pushed_most() -> None:
    """Into each forced case one arrow, from the case whose trades before it were worth most: always the first."""
    ax = drawn(by_hand(), "cascade").axes[0]
    arrows = [own for own in ax.texts if own.arrow_patch is not None]
    assert len(arrows) == 3 and {own.xyann for own in arrows} == {(0, 0.0)}
    assert [own.xy for own in arrows] == [(1, 0.0), (2, 0.0), (3, 0.0)]
    clouds = {own.get_gid(): own for own in ax.collections}
    assert len(clouds["news"].get_offsets()) == 1 and len(clouds["forced by others"].get_offsets()) == 3
    assert clouds["news"].get_sizes()[0] == pytest.approx(450)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "2", "3"]


def test_without_the_other_run_the_ratio_is_an_upper_bound() -> None:
    """All that moved within the wave counts, which is said."""
    run = by_hand(with_calm=False)
    assert title_of(run, "cascade").startswith("Others' liquidations forced at most 75 % of 4 cases")
    assert "dominoes" not in available(run)
    with pytest.raises(Mistake, match="without liquidations"):
        render(run, "dominoes")


def test_the_path_of_the_push() -> None:
    """Beyond $368 the index gave 1, 2 and 3 dollars, the distance from it 1, 2 and 3: half and half of 3 / 4."""
    told = by_hand().summary["cascade"]["branching"]
    assert told["ratio"] == pytest.approx(0.75)
    assert told["by_path"]["perp book"] == told["by_path"]["token book"] == pytest.approx(0.375)


def test_what_adl_took_stands_in_the_summary() -> None:
    """$7.50 a share of two, from two hedges' legs but one without tokens; 3 forced trades and 2.9 s came before."""
    own = by_hand().summary["cascade"]
    assert own["deleveraging"]["needed_usd"] == 15.0 and own["deleveraging"]["overshoot_usd"] == 0.0
    assert (own["hedges_broken"], own["deleveraging"]["hedges_broken"]) == (1, 1)
    assert own["first_adl_after_s"] == pytest.approx(2.9) and own["forced_trades_before_adl"] == 3
    assert own["largest_waves"][0]["adl_usd"] == pytest.approx(739.0)
    assert by_hand(cuts=False).summary["cascade"]["deleveraging"] is None


def test_a_run_in_which_nothing_spread_has_none_of_them() -> None:
    run = by_hand(with_calm=False, cuts=False)
    for name in ("liquidations", "cases"):
        run.exact_rows()[name] = rows(name)
    run.summary |= {"cascade": cascade(cascade_material(run.exact_rows(), SCENARIO.rules), 1), "first_price": None, "funding": {"acf": None}}  # fmt: skip
    assert not set(available(run)) & set(CASCADES)
    for name in ("cascade", "contagion", "deleveraging", "awakening"):
        with pytest.raises(Mistake):
            render(run, name)
    assert cascade_report.spread(run).sentences == ("Nobody was liquidated, so nothing spread.",)


def test_news_in_hours_begins_with_the_given_move() -> None:
    """The first move of the headline, told from the mark of the minute before; a given gap of it goes before."""
    exact = by_hand().exact_rows()["bars"]
    move = Move("TSLAx", AWAKE - 20 * MINUTE_US, AWAKE, -10_000_000)
    other = Move("SPYx", AWAKE - 50 * MINUTE_US, AWAKE, -10_000_000)
    first = {"time_utc": "2026-03-09T08:00:00Z", "close_usd": 390.0, "from": "Friday's close"}
    awake = (AWAKE, 390.0, {"news": "the first stock price", "base": "Friday's close"})
    given = replace(SCENARIO, gaps=(), moves=(other, move))
    assert given.news_moves == (move,)
    assert replace(given, gaps=SCENARIO.gaps).news_moves == ()
    assert _news(first, given.news_moves, exact, TICK_USD) == (move.from_us, pytest.approx(400.0), {"news": "the given move", "base": "the mark before"})  # fmt: skip
    assert _news(first, (), exact, TICK_USD) == awake and _news(None, (), exact, TICK_USD) is None


UNITS = {
    "dominoes": ("minutes from the first stock price (Mon 04:00 New York time)", "% from Friday's close"),
    "cascade": ("seconds from Mon 04:00:01 New York time", ""),
    "contagion": ("USD", "heaviest ticker"),
    "deleveraging": ("leverage", "% of its size"),
    "steadiness": ("hours", "autocorrelation"),
    "awakening": ("minutes", "% from the stock"),
}


@pytest.mark.parametrize("name", TITLES)
def test_axes_say_their_units_and_words_keep_apart(name: str) -> None:
    figure = drawn(by_hand(), name)
    ax = figure.axes[0]
    x, y = UNITS[name]
    assert x in ax.get_xlabel() and y in ax.get_ylabel()
    renderer = figure.canvas.get_renderer()
    texts = [text for text in (*ax.texts, ax._left_title) if text.get_text().strip()]
    boxes = [text.get_window_extent(renderer) for text in texts]
    for number, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        for other in boxes[number + 1 :]:
            assert (
                min(box.x1, other.x1) - max(box.x0, other.x0) <= 1 or min(box.y1, other.y1) - max(box.y0, other.y0) <= 3
            )
    dollars = [text for text in figure.findobj(Text) if text.get_text().count("$") >= 2]
    assert [text.get_text() for text in dollars if text.get_parse_math()] == []


def test_colours_of_a_figure_differ_in_grey() -> None:
    """News and forced, and the two paths: at least a fifth of the way from black to white apart."""

    def grey(colour: Any) -> float:
        return float(np.dot(mpl.colors.to_rgb(colour), (0.299, 0.587, 0.114)))

    clouds = drawn(by_hand(), "cascade").axes[0].collections
    assert abs(grey(clouds[0].get_facecolor()[0][:3]) - grey(clouds[1].get_facecolor()[0][:3])) > 0.2
    cuts = drawn(by_hand(), "deleveraging").axes[0].collections
    assert abs(grey(cuts[0].get_facecolor()[0][:3]) - grey(cuts[1].get_facecolor()[0][:3])) > 0.1


# What the report says ------------------------------------------------------------------------------------------------


def test_the_report_s_rows_of_what_spread() -> None:
    told = cascade_report.spread(by_hand())
    assert told.sentences == (TITLES["dominoes"] + ".",)
    found = {row[0]: row[1] for row in told.tables[0][1]}
    assert found["cases"] == "4" and found["waves"] == "1" and found["branching ratio"].startswith("0.750 ± ")
    assert found["  through the perp book"] == "0.375" and found["  through the broken hedge"] == "none"
    assert (
        found["first liquidation to first ADL"] == found["  from the first of its burst"] == "2.9 s"
        and found["ADL over liquidated"] == "10.0 %"
    )
    assert (found["largest cut"], found["needed by deficits"], found["taken at the mark"]) == (
        "50.0 %",
        "$15.00",
        "$15.00",
    )
    assert re.match(r"Mon 04:00:01", told.tables[1][1][0][0]) and told.tables[1][1][0][1:] == (
        "3",
        "4",
        "$8,054",
        "$739",
    )
