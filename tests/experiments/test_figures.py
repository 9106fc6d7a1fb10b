"""Figures of a week-end written by hand: what their titles say is counted here with pencil and paper."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from offhours.experiments.figures import FIGURES, chosen, render, write_figures
from offhours.experiments.figures import axes as shared_axes
from offhours.experiments.figures.beside import compare_paths
from offhours.experiments.figures.cascades import CASCADES
from offhours.experiments.figures.liquidations import leverage_title
from offhours.experiments.figures.payments import who_paid, who_paid_title
from offhours.experiments.figures.week_end import strip, strip_axes, strip_span, strip_title
from offhours.experiments.frames import instants
from offhours.experiments.occasion import shock_of, sleep_of, soon_after
from offhours.experiments.scenario import Scenario, scenario
from offhours.experiments.tables import LEVERAGES, schema
from offhours.sim.hours import DAY_US, HOUR_US, MINUTE_US, SECOND_US, parse_new_york
from offhours.sim.market import waterfall
from offhours.sim.mistake import Mistake

from .tiny import FILE, tiny

TEN = ("TSLAx", "SPYx", "AAPLx", "NVDAx", "GOOGLx", "HOODx", "MSTRx", "CRCLx", "QQQx", "GLDx")
WARM_UP = parse_new_york("2026-03-06 15:00")
MEASURED = parse_new_york("2026-03-06 15:30")
CLOSE = parse_new_york("2026-03-06 16:00")
ASLEEP = parse_new_york("2026-03-06 20:00")
AWAKE = parse_new_york("2026-03-09 04:00")
BELL = parse_new_york("2026-03-09 09:30")
END = parse_new_york("2026-03-09 10:00")
SPRING = parse_new_york("2026-03-08 01:59") + MINUTE_US
"""Two in the morning of that Sunday, when clocks in New York went to three."""


def table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows in the shape of a run's table: what is not named is 0."""
    frame = pd.DataFrame(rows, columns=[column for column, _, _ in schema(name)])
    for column in frame.columns:
        if column.endswith("_utc"):
            frame[column] = frame[column].fillna(0).astype("int64").astype("datetime64[us]")
    return frame.astype({c: object for c in ("ticker", "stage", "side") if c in frame}).fillna(0)


def bars_of(ticker: str) -> list[dict[str, Any]]:
    """Every half hour. The stock: 400 to the close, 398 after it, hidden at 390, 380 on Monday at four, 368 from the bell."""
    rows = []
    for us in range(WARM_UP, END + 1, 30 * MINUTE_US):
        seen, regular = us <= ASLEEP or us >= AWAKE, us <= CLOSE or us >= BELL
        stock = (
            400.0 if us <= CLOSE else 398.0 if us <= ASLEEP else 390.0 if not seen else 380.0 if us < BELL else 368.0
        )
        half = 0.0005 if regular else 0.002
        rows.append(
            {
                "time_utc": us, "ticker": ticker, "phase": "regular" if regular else "pre" if seen else "weekend",
                "stock_visible": seen, "stock_usd": stock, "index_usd": stock, "mark_usd": stock,
                "perp_bid_usd": stock * (1 - half), "perp_ask_usd": stock * (1 + half),
                "token_bid_usd": stock * 0.999, "token_ask_usd": stock * 1.001,
                "perp_bid_shares": 100.0 if regular else 20.0, "perp_ask_shares": 50.0, "impact_spread_pct": 0.5,
            }
        )  # fmt: skip
    return rows


def act(us: int, value_usd: float, price_usd: float, ticker: str = "TSLAx", side: str = "long") -> dict[str, Any]:
    stage = waterfall.STAGES[1 + len(str(us)) % 3] if ticker else "none"
    return {
        "time_utc": us,
        "ticker": ticker,
        "stage": stage,
        "side": side,
        "value_usd": value_usd,
        "price_usd": price_usd,
        "account": 5,
    }


ACTS = [
    act(WARM_UP, 77_000.0, 400.0),
    act(AWAKE - 40 * HOUR_US, 1000.0, 390.0, side="short"),
    act(AWAKE + 30 * SECOND_US, -3000.0, 370.0),
    act(AWAKE + 90 * SECOND_US, 1000.0, 360.0),
    act(AWAKE + 90 * SECOND_US, 88_000.0, np.nan, ticker=""),
    act(AWAKE + 91 * SECOND_US, 5000.0, 380.0),
]
"""Measured, of a ticker: 1000 + 3000 + 1000 + 5000 USD, of which 4000 within 90 s. One is of the warm-up, one a shortfall."""

RESULTS = {"tourists": -1000.0, "makers": 700.0, "noise": -50.5, "venue": 250.0, "backstop": 100.5}


def summary_by_hand() -> dict[str, Any]:
    funding = {"mean_bp": -0.5, "std_bp": 0.25, "share_at_cap": 0.25, "annual_pct": -43.8, "intervals": 8}
    gap = {"stock_pct": -8.0, "perp_open_gap_pct": -7.75}
    stages = {name: {"count": 1, "notional_usd": 2500.0} for name in waterfall.STAGES[1:4]}
    own: dict[str, Any] = {
        "funding": funding,
        "gap": gap,
        "liquidations": {"count": 4, "accounts": 3, "notional_usd": 10_000.0, "by_stage": stages},
        "shortfall_usd": 1000.0,
        "paid_by_usd": {"backstop": 800.0},
        "bad_debt_usd": 200.0,
        "adl": None,
    }
    calm = copy.deepcopy(own) | {"shortfall_usd": 0.0, "paid_by_usd": {"backstop": 0.0}, "bad_debt_usd": 0.0}
    calm["liquidations"]["notional_usd"] = 4000.0
    return own | {"pnl_usd": dict(RESULTS), "controls": {"always-open": calm}}


def groups_by_hand() -> list[dict[str, Any]]:
    fees = {"tourists": -120.0, "makers": -20.0, "noise": 0.0, "venue": 140.0, "backstop": 0.0}
    funding = {"tourists": 30.0, "makers": -30.0}
    return [
        {"group": name, "population": "", "members": 1, "pnl_usd": value, "fee_usd": fees[name], "funding_usd": funding.get(name, 0.0)}
        for name, value in RESULTS.items()
    ]  # fmt: skip


def by_hand(own: Scenario | None = None, acts: list[dict[str, Any]] | None = None) -> Any:
    """The week-end as figures see a run."""
    own = own or tiny()
    interest = [(WARM_UP, 10.0, 10.0), (CLOSE, 300_000.0, 100_000.0), (AWAKE, 10.0, 990.0)]
    tables = {
        "bars": table("bars", [row for ticker in own.tickers for row in bars_of(ticker)]),
        "funding": table("funding", [{"time_utc": MEASURED + n * HOUR_US, "ticker": t, "rate_bp": -0.5} for t in own.tickers for n in range(8)]),
        "liquidations": table("liquidations", ACTS if acts is None else acts),
        "leverage": table("leverage", [
            {"time_utc": us, "ticker": t, "bucket": bucket, "long_usd": {"up to 5x": low, "up to 20x": high}.get(bucket, 0.0)}
            for us, low, high in interest for t in own.tickers for bucket in LEVERAGES
        ]),
        "first_prices": table("first_prices", [
            {"time_utc": AWAKE, "ticker": t, "phase": "pre", "since_utc": ASLEEP, "before_usd": 398.0, "price_usd": 380.0}
            for t in own.tickers
        ]),
        "groups": table("groups", groups_by_hand()),
    }  # fmt: skip
    return SimpleNamespace(
        tables=lambda: tables, summary=summary_by_hand(), scenario=own, seed=7, folder=None, control=lambda name: None
    )


def with_ten_tickers(folder: Path) -> Scenario:
    """The tiny scenario with the whole launch set."""
    file = folder / "ten.toml"
    text = FILE.read_text().replace('["TSLAx"]', "[" + ", ".join(f'"{ticker}"' for ticker in TEN) + "]")
    file.write_text(text)
    return scenario(file)


def without_liquidations() -> Any:
    run = by_hand(acts=[])
    run.summary["liquidations"] |= {"count": 0, "accounts": 0, "notional_usd": 0.0, "by_stage": {}}
    run.summary |= {"shortfall_usd": 0.0, "paid_by_usd": {"backstop": 0.0}, "bad_debt_usd": 0.0}
    return run


def drawn(run: Any, name: str) -> Any:
    figure = render(run, name)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return figure


def title_of(run: Any, name: str) -> str:
    """A figure's title on one line."""
    return " ".join(drawn(run, name).axes[0].get_title(loc="left").split())


def line(ax: Any, label: str) -> Any:
    return next(line for line in ax.get_lines() if line.get_label() == label)


# Words ---------------------------------------------------------------------------------------------------------------

TITLES = {
    "strip": "The stock slept 55 hours; 50 % of 4 liquidations came within 90 s of its first price",
    "who_paid": "Tourists lost $1,000; makers gained $700 and the venue $250",
    "price": "TSLAx opened −8.0 % from the close before; at the bell the perp had moved −7.8 %",
    # Asleep 20 x 390. Regular: twice 50 x 400 and twice 50 x 368, whose median is 19,200.
    "depth": "While the stock slept, the thinner side held $7,800 within 50 bp, 41 % of regular hours ($19k)",
    "spread": "The perp's spread was 40.0 bp while the stock slept and 10.0 bp in regular hours (medians)",
    "funding": "TSLAx: shorts paid longs 0.50 bp an hour on average, 43.8 % a year, at the cap in 2 of 8 intervals",
    "basis": "Perp and index were 0.00 % apart while the stock slept and 0.00 % in regular hours (root mean square)",
    "leverage": "At Friday's close 25.0 % of $400k of open interest was held at more than 10x",
    # From the lowest price: 1000 at 360, 3000 at 370, 5000 at 380, 1000 (the short) at 390.
    "liquidation_map": "$10k of TSLAx was liquidated, 90 % of it longs; the middle half went between $370.00 and $380.00",
    "waterfall": "3 liquidated accounts left $1,000 missing: the backstop paid $800 and nobody paid $200",
    "flows": "Tourists paid most fees, $120; makers paid most funding, $30.00",
    "controls": "Beside 'always-open' on the same luck, $6,000 more was liquidated; bad debt $200 beside $0",
}


@pytest.mark.parametrize("name", TITLES)
def test_titles_are_findings(name: str) -> None:
    assert title_of(by_hand(), name) == TITLES[name]


def moved() -> Any:
    """The same tables, told as a move of -15 % that is given on Friday from 15:40 to 15:50 in place of the gap."""
    from offhours.experiments.moves import Move

    own = replace(tiny(), gaps=(), moves=(Move("TSLAx", CLOSE - 20 * MINUTE_US, CLOSE - 10 * MINUTE_US, -150_000_000),))
    return by_hand(own)


def test_a_given_move_is_what_its_run_is_about() -> None:
    run = moved()
    shock = shock_of(run)
    assert shock is not None
    assert (shock.minutes, round(shock.change_pct, 9)) == (10.0, -15.0)
    assert shock_of(by_hand()) is None
    assert strip_title(run).startswith("A given fall of 15 % within 10 minutes; ")
    assert leverage_title(run).startswith("Before the given move ")
    assert strip_span(run)[1] <= CLOSE + 4 * HOUR_US
    written = [text.get_text() for text in render(run, "strip").findobj(Text)]
    assert any(text.startswith("given move of −15.0 %, 15:40 to 15:50") for text in written)
    assert not any("no stock price for" in text for text in written)


def test_the_ninety_seconds_end_with_the_ninetieth() -> None:
    """Liquidations of the warm-up and shortfalls do not count."""
    run = by_hand()
    sleep = sleep_of(run)
    assert sleep is not None
    assert soon_after(run, sleep.until_us) == (2, 4)
    assert (sleep.hours, sleep.price_usd, sleep.close_usd, sleep.close_name) == (55.0, 380.0, 400.0, "Friday's close")
    assert sleep.change_pct == pytest.approx(-5.0)


@pytest.mark.parametrize(
    ("acts", "title"),
    [
        ([], "The stock slept 55 hours, and nobody was liquidated"),
        ([act(BELL, 500.0, 370.0)], "The stock slept 55 hours; 0 of 1 liquidation came within 90 s of its first price"),
        ([act(AWAKE, 1.0, 380.0), *[act(BELL, 999.0, 370.0)] * 399], "The stock slept 55 hours; 0.2 % of 400 liquidations came within 90 s of its first price"),
    ],
)  # fmt: skip
def test_little_is_said_as_little(acts: list[dict[str, Any]], title: str) -> None:
    assert title_of(by_hand(acts=acts), "strip") == title


def test_a_stock_that_never_slept() -> None:
    run = by_hand()
    run.tables()["bars"]["stock_visible"] = True
    run.tables()["first_prices"] = table("first_prices", [])
    assert title_of(run, "strip") == "The stock never slept; there were 4 liquidations"


def test_a_run_that_ends_on_sunday() -> None:
    """There is no first price: neither the title nor an annotation speaks of one."""
    run = by_hand()
    frames = run.tables()
    for name in ("bars", "liquidations", "leverage", "first_prices"):
        frames[name] = frames[name][instants(frames[name]["time_utc"]) <= AWAKE - 12 * HOUR_US]
    title = "The stock slept 43 hours and was still asleep when the run ended; there was 1 liquidation"
    assert title_of(run, "strip") == title
    assert not any("first price" in text.get_text() for text in drawn(run, "strip").axes[0].texts)


@pytest.mark.parametrize(
    ("results", "title"),
    [
        ({"a": -1.0, "b": -2.0, "c": -3.0, "d": -4.0, "e": 10.0}, "D lost $4.00, c $3.00 and 2 others $3.00; e gained $10.00"),
        ({"a": -1.0, "b": -10.0, "c": -39.0, "d": 50.0}, "C lost $39.00 and b $10.00; d gained $50.00"),
        ({"a": 0.0, "b": 0.0}, "Nobody lost and nobody gained"),
    ],
)  # fmt: skip
def test_who_paid_names_the_largest(results: dict[str, float], title: str) -> None:
    assert who_paid_title(results) == title


# Pictures ------------------------------------------------------------------------------------------------------------


def test_the_stock_s_line_is_broken_while_closed() -> None:
    """111 half hours have no price at all; the hidden 390 is drawn by no line of the stock."""
    for name in ("strip", "price"):
        stock = line(drawn(by_hand(), name).axes[0], "stock")
        x, y = np.asarray(stock.get_xdata(), dtype=float), np.asarray(stock.get_ydata(), dtype=float)
        asleep = (x > ASLEEP / DAY_US) & (x < AWAKE / DAY_US)
        assert asleep.sum() == 2 * 55 - 1
        assert np.isnan(y[asleep]).all() and not np.isnan(y[~asleep]).any()
        assert set(y[~asleep]) == {400.0, 398.0, 380.0, 368.0}


def test_closed_hours_are_grey() -> None:
    """One patch from Friday at eight to Monday at four, behind everything, in each panel that has a time axis."""
    for name in ("strip", "price", "depth", "spread", "funding", "basis", "leverage"):
        for ax in drawn(by_hand(), name).axes:
            (patch,) = [own for own in ax.patches if own.get_gid() == "no stock price"]
            box = patch.get_path().get_extents(patch.get_patch_transform())
            assert (box.x0 * DAY_US, box.x1 * DAY_US) == pytest.approx((ASLEEP, AWAKE), abs=2), name
            assert mpl.colors.to_hex(patch.get_facecolor()).upper() == shared_axes.ASLEEP
            assert all(patch.get_zorder() < own.get_zorder() for own in ax.get_lines())


def test_the_clock_change_is_marked() -> None:
    """Sunday 8 March 2026 at two in the morning, 07:00 UTC; and the axis says both zones."""
    assert SPRING == int(np.datetime64("2026-03-08T07:00:00", "us").astype(np.int64))
    top, *others = drawn(by_hand(), "strip").axes
    for ax in (top, *others):
        (mark,) = [own for own in ax.get_lines() if own.get_gid() == "clock change"]
        assert float(np.asarray(mark.get_xdata())[0]) * DAY_US == pytest.approx(SPRING, abs=2)
    assert "clocks go forward 1 h" in " ".join(text.get_text() for text in top.texts)
    assert others[-1].get_xlabel() == "New York time (EST until Sun 8 Mar, 02:00, then EDT)"


def test_the_strip_is_annotated() -> None:
    top = drawn(by_hand(), "strip").axes[0]
    texts = [text.get_text() for text in top.texts]
    assert "no stock price for 55 h" in texts
    assert "first price $380.00\n−5.0 % from Friday's close\nMon 04:00" in texts


def test_the_strip_gives_the_prices_sixty_percent() -> None:
    figure = Figure(figsize=(11, 8))
    axes = strip(by_hand(), strip_axes(figure))
    heights = [ax.get_subplotspec().get_gridspec().get_height_ratios() for ax in axes]
    assert heights[0] == (60, 20, 20) or list(heights[0]) == [60, 20, 20]
    assert len({ax.get_position().x0 for ax in axes}) == 1


def test_liquidations_are_stacked_by_minute() -> None:
    """At 04:00 one and at 04:01 two, whatever their stages: the top of the stack."""
    middle = drawn(by_hand(), "strip").axes[1]
    tops: dict[int, float] = {}
    for stack in middle.collections:
        for segment in stack.get_segments():
            minute = round(segment[1][0] * DAY_US - MINUTE_US / 2) // MINUTE_US
            tops[minute] = max(tops.get(minute, 0.0), segment[1][1])
    first = AWAKE // MINUTE_US
    assert {minute - first: top for minute, top in tops.items()} == {-2400: 1.0, 0: 1.0, 1: 2.0}


def test_the_basis_names_what_lies_beyond_its_scale() -> None:
    """One bar of 120, a perp 100 % above the stock: the others keep a scale on which they can be read."""
    run = by_hand()
    bars = run.tables()["bars"]
    at = instants(bars["time_utc"]) == AWAKE
    bars.loc[at, ["perp_bid_usd", "perp_ask_usd"]] *= 2
    ax = drawn(run, "basis").axes[0]
    assert [text.get_text() for text in ax.texts] == ["beyond the scale: +100.0 % on Mon 04:00"]
    assert ax.get_ylim() == (-0.05, 0.05)
    assert drawn(by_hand(), "basis").axes[0].texts[:] == []


def test_two_runs_on_one_axis() -> None:
    """The second perp stands 2 % higher at the bell and nowhere else; a run beside itself is the same."""
    one, other = by_hand(), by_hand()
    bars = other.tables()["bars"]
    bars.loc[instants(bars["time_utc"]) == BELL, ["perp_bid_usd", "perp_ask_usd"]] *= 1.02
    ax = compare_paths([one, other], Figure(figsize=(12, 4)).subplots(), ["A", "B"])
    assert " ".join(ax.get_title(loc="left").split()) == "The perp with B was furthest from A on Mon 09:30: +2.0 %"
    assert [own.get_label() for own in ax.get_lines() if not str(own.get_label()).startswith("_")] == [
        "A",
        "B",
        "stock of A",
    ]
    same = compare_paths([one, one], Figure(figsize=(12, 4)).subplots(), ["A", "B"])
    assert same.get_title(loc="left") == "The perp took the same path in A and B"


def test_who_paid_is_sorted_and_sums_to_zero() -> None:
    ax = who_paid(by_hand(), Figure().subplots())
    widths = [bar.get_width() for bar in sorted(ax.patches, key=lambda bar: -bar.get_y())]  # type: ignore[attr-defined]
    assert widths == [-1000.0, -50.5, 100.5, 250.0, 700.0]
    names = {label.get_position()[1]: label.get_text() for label in ax.get_yticklabels()}
    assert [names[place] for place in sorted(names, reverse=True)] == [
        "tourists", "noise", "backstop (house)", "venue (house)", "makers", "all",
    ]  # fmt: skip
    texts = sorted(((text.get_position()[1], text.get_text()) for text in ax.texts), reverse=True)
    assert [text for _, text in texts] == ["−$1,000", "−$50.50", "$100", "$250", "$700", "sum 0.00"]
    low, high = ax.get_ylim()
    assert all(low < bar.get_y() and bar.get_y() + bar.get_height() < high for bar in ax.patches)  # type: ignore[attr-defined]
    assert any(np.asarray(own.get_xdata()).tolist() == [0, 0] for own in ax.get_lines())


def test_a_sum_that_is_not_zero_is_shown() -> None:
    run = by_hand()
    run.summary["pnl_usd"]["makers"] -= 1.25
    assert "sum −1.25" in [text.get_text() for text in who_paid(run, Figure().subplots()).texts]


UNITS = {
    "strip": ("New York time (EST", "TSLAx, USD a share"),
    "who_paid": ("USD", ""),
    "price": ("New York time (EST", "TSLAx, USD a share"),
    "depth": ("New York time (EST", "USD within 50 bp"),
    "spread": ("New York time (EST", "basis points"),
    "funding": ("New York time (EST", "bp an hour"),
    "basis": ("New York time (EST", "%"),
    "leverage": ("New York time (EST", "USD"),
    "liquidation_map": ("USD", "USD a share"),
    "waterfall": ("USD", ""),
    "flows": ("USD", ""),
    "controls": ("% of the larger", ""),
}
"""Words that the labels of the last axes' x and the first axes' y hold; an axis of names has no unit."""


@pytest.mark.parametrize("name", TITLES)
def test_axes_say_their_units(name: str) -> None:
    axes = drawn(by_hand(), name).axes
    x, y = UNITS[name]
    assert x in axes[-1].get_xlabel() and y in axes[0].get_ylabel()
    if name == "strip":
        assert [ax.get_ylabel() for ax in axes[1:]] == ["liquidations\na minute", "open interest,\nUSD"]


@pytest.mark.parametrize("name", TITLES)
def test_every_figure_draws_ten_tickers(name: str, tmp_path: Path) -> None:
    """Nine others change nothing that is said of the headline."""
    run = by_hand(with_ten_tickers(tmp_path))
    assert run.scenario.tickers == TEN
    assert title_of(run, name) == TITLES[name]


@pytest.mark.parametrize("name", TITLES)
def test_every_figure_draws_without_liquidations(name: str) -> None:
    text = title_of(without_liquidations(), name)
    assert text
    if name == "waterfall":
        assert text == "No shortfall: 0 of 0 liquidated accounts left a debt behind"
    if name == "liquidation_map":
        assert text == "No position in TSLAx was liquidated"


@pytest.mark.parametrize("name", TITLES)
def test_dollar_signs_are_not_formulas(name: str) -> None:
    """Two dollars in a text would be set as mathematics, in italics and without spaces."""
    figure = drawn(by_hand(), name)
    found = [text for text in figure.findobj(Text) if text.get_text().count("$") >= 2]
    assert [text.get_text() for text in found if text.get_parse_math()] == []


def test_levels_that_are_near_share_a_label() -> None:
    """The opening bell two thousandths above the first price: one label, two lines."""
    run = by_hand()
    run.summary["gap"]["stock_pct"] = -4.9
    texts = [text.get_text() for text in drawn(run, "liquidation_map").axes[0].texts]
    assert texts == ["first price $380.00, stock at the open $380.40", "Friday's close $400.00"]


@pytest.mark.parametrize("name", TITLES)
def test_words_do_not_lie_on_each_other(name: str) -> None:
    """Texts written into the same axes keep apart, and stay inside the picture."""
    figure = drawn(by_hand(), name)
    renderer = figure.canvas.get_renderer()
    for ax in figure.axes:
        texts = [text for text in [*ax.texts, ax._left_title] if text.get_visible() and text.get_text().strip()]
        boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
        for number, (text, box) in enumerate(boxes):
            assert box.x0 >= 0 and box.x1 <= figure.bbox.width, text
            for other, place in boxes[number + 1 :]:
                wide = min(box.x1, place.x1) - max(box.x0, place.x0)
                high = min(box.y1, place.y1) - max(box.y0, place.y0)
                assert wide <= 1 or high <= 3, (text, other)


# Files ---------------------------------------------------------------------------------------------------------------


def test_an_unknown_figure_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=re.escape("there is no figure 'waterfal'")) as caught:
        write_figures(by_hand(), tmp_path, only="price, waterfal")
    assert "did you mean waterfall?" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="png, svg, pdf, not as 'gif'"):
        write_figures(by_hand(), tmp_path, only="price", formats="png,gif")
    assert list(tmp_path.iterdir()) == []


def test_three_formats_and_the_same_bytes_again(tmp_path: Path) -> None:
    first = write_figures(by_hand(), tmp_path / "a", only="price,who_paid", formats="pdf,svg,png")
    names = [file.name for file in first]
    assert names == ["price.pdf", "price.svg", "price.png", "who_paid.pdf", "who_paid.svg", "who_paid.png"]
    assert [file.read_bytes()[:5] for file in first[:3]] == [b"%PDF-", b"<?xml", b"\x89PNG\r"]
    again = write_figures(by_hand(), tmp_path / "b", only=["price"], formats=["png"])
    assert again[0].read_bytes() == first[2].read_bytes()
    for file, other in zip(
        first, write_figures(by_hand(), tmp_path / "c", only="price,who_paid", formats="pdf,svg,png")
    ):
        assert file.read_bytes() == other.read_bytes(), file.name


def test_all_figures_are_written_where_none_is_named(tmp_path: Path) -> None:
    """Without a control there is no picture of one; asked for, it is a mistake."""
    run = by_hand()
    assert chosen(run) == list(TITLES) and set(TITLES) | set(CASCADES) == set(FIGURES)
    run.summary["controls"] = {}
    assert chosen(run) == [name for name in TITLES if name != "controls"]
    with pytest.raises(Mistake, match="no control"):
        write_figures(run, tmp_path, only="controls")
