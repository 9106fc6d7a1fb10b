"""The report of a run: one file that says what the summary says and needs nothing from anywhere."""

from __future__ import annotations

import functools
import re
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from offhours.experiments.figures import FIGURES, available
from offhours.experiments.occasion import sleep_of
from offhours.experiments.report import page, write_report
from offhours.experiments.run import Run, headline_numbers, run_one
from offhours.experiments.summary_text import dollars
from offhours.experiments.words import percent

from .tiny import tiny, tiny_run


@functools.cache
def with_control() -> Run:
    """The tiny run beside its control."""
    run = run_one(tiny(), 7)
    run.controls["always-open"] = run_one(run.scenario.control("always-open"), 7)
    run.summary["controls"]["always-open"] = headline_numbers(run.controls["always-open"].summary)
    return run


@functools.cache
def without_liquidations() -> Run:
    """Nobody with leverage."""
    return run_one(tiny(group__tourists__count="0"), 7)


@functools.cache
def text_of(make: object) -> str:
    assert callable(make)
    return page(make())


def read(text: str) -> str:
    """What a reader sees: no tags, no style, no pictures."""
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def rows_of(text: str, title: str) -> list[list[str]]:
    """The cells of a section's tables."""
    section = text.split(f"<h2>{escape(title)}</h2>")[1].split("<h2>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", section)
    return [[unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


class Tags(HTMLParser):
    """Whether each tag is closed, and what the file would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


RUNS = pytest.mark.parametrize("make", [tiny_run, with_control, without_liquidations])


@RUNS
def test_it_needs_no_network_and_runs_nothing(make: object) -> None:
    text = text_of(make)
    words = re.sub(r'src="data:image/png;base64,[A-Za-z0-9+/=]*"', "", text).lower()
    assert [word for word in ("http", "<script", "url(", "@import", "<link", "javascript", "//") if word in words] == []
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.sources and all(source.startswith("data:image/png;base64,iVBOR") for source in tags.sources)


@RUNS
def test_it_asks_the_question_and_says_that_it_is_hypothetical(make: object) -> None:
    """The rulebook is younger than the week-end; the notice says both dates."""
    text = text_of(make)
    assert "<h1>Does it all hang together?</h1>" in text
    notice = re.findall(r'<p class="note">(.*?)</p>', text)
    assert len(notice) == 1
    assert notice[0].startswith("Hypothetical: the rulebook of ")
    assert notice[0].endswith("is of 2026-04-29, the scenario of 2026-03-06.")
    assert text.index("<h1>") < text.index(notice[0]) < text.index("<img")


def test_the_notice_is_left_out_where_nothing_is_to_be_noticed() -> None:
    run = run_one(tiny(), 7)
    run.summary["hypothetical"] = None
    assert 'class="note"' not in page(run)
    run.summary |= {"outcome": "interrupted at noon", "audit": ["margin: a < b"], "conservation_error": 1}
    notes = re.findall(r'<p class="note">(.*?)</p>', page(run))
    assert notes == ["Outcome: interrupted at noon.", "A law of the ledger is broken: margin: a &lt; b."]


@RUNS
def test_it_holds_the_numbers_of_the_summary(make: object) -> None:
    assert callable(make)
    summary = make().summary
    rows = {row[0]: row[1] for row in rows_of(text_of(make), "The numbers")}
    rates, alone = summary["funding"], summary["gap_alone"]
    assert rows["shortfall"] == dollars(summary["shortfall_usd"])
    for payer, value in summary["paid_by_usd"].items():
        assert rows.get(f"paid by {payer}") == (None if value is None else dollars(value))
    assert rows["bad debt"] == dollars(summary["bad_debt_usd"])
    assert rows["takeover result"] == dollars(summary["takeover_pnl_usd"])
    assert rows["funding, mean"] == f"{rates['mean_bp']:+.3f} bp an hour".replace("-", "−")
    assert rows["funding, a year"] == percent(rates["annual_pct"])
    assert rows["the gap alone would liquidate"] == dollars(alone["liquidated_usd"])
    assert rows["money made or lost"] == "0 micro-units"
    made = {row[0]: row[1] for row in rows_of(text_of(make), "Make it again")}
    assert made == {
        "command": "offhours run tiny.toml --seed 7"
        + (" --set group.tourists.count=0" if make is without_liquidations else ""),
        "scenario digest": summary["digest"],
        "tape, SHA-256": summary["tape_sha256"],
        "version": summary["version"],
    }


def test_it_answers_in_three_sentences() -> None:
    """55 hours from Friday 20:00 to Monday 04:00, as clocks went forward; the gap of the file is -15 %."""
    summary, seen = tiny_run().summary, read(text_of(tiny_run))
    own, soon = summary["liquidations"], summary["liquidated_within_90_s_of_first_price"]
    assert "TSLAx's stock had no price for 55 hours" in seen
    assert "at the opening bell it stood −15.0 % from Friday's close" in seen
    acts = tiny_run().tables()["liquidations"]
    first = tiny_run().tables()["first_prices"]["time_utc"].iloc[0]
    acts = acts[acts["ticker"] != ""]
    number = ((acts["time_utc"] >= first) & (acts["time_utc"] <= first + pd.Timedelta("90s"))).sum()
    assert f"{own['accounts']:,} accounts were liquidated in {len(acts):,} forced trades or takeovers, {dollars(own['notional_usd'])} in all" in seen  # fmt: skip
    assert f"{100 * number / len(acts):.0f} % of their number and {100 * soon:.0f} % of the dollars within 90 seconds" in seen  # fmt: skip
    assert f"{dollars(summary['shortfall_usd'])} was missing; paid by the pool" in seen


def test_the_first_price_is_told_from_friday_s_close() -> None:
    """The same distance in the answer, in the numbers and on the strip; counts of nothing say of how many."""
    run = tiny_run()
    sleep = sleep_of(run)
    assert sleep is not None and sleep.price_usd is not None and sleep.close_usd is not None
    pct = 100 * (sleep.price_usd / sleep.close_usd - 1)
    text = text_of(tiny_run)
    assert f"its first one, ${sleep.price_usd:,.2f}, was {percent(pct)} from Friday's close" in read(text)
    rows = {row[0]: row[1:] for row in rows_of(text, "The numbers")}
    assert rows["time without a stock price"] == ["55 h", "until Mon 2026-03-09 04:00 New York"]
    told = f"{pct:+.1f} % from Friday's close".replace("-", "−")
    assert rows["first stock price"] == [f"${sleep.price_usd:,.2f}", told]
    rates = run.summary["funding"]
    assert rows["funding at its cap"][0] == f"{round(rates['share_at_cap'] * rates['intervals'])} of {rates['intervals']} intervals"  # fmt: skip
    traders = sum(group.count for group in run.scenario.groups)
    assert rows["accounts liquidated"][0] == f"{run.summary['liquidations']['accounts']} of {traders}"


def test_every_setting_rests_on_something() -> None:
    """The kinds sum to all settings, and those chosen or assumed are listed one by one."""
    run, text = tiny_run(), text_of(tiny_run)
    said = read(text.split("<h2>What the numbers rest on</h2>")[1].split("<h2>")[0])
    total = sum(ticker == "TSLAx" for ticker, _ in run.scenario.rules.settings)
    listed = said.split(f"Of {total} settings of TSLAx's market, ")[1].split(". ")[0]
    counts = {part.split(" ", 1)[1]: int(part.split()[0]) for part in listed.split(", ")}
    assert sum(counts.values()) == total
    judged = counts["chosen with a reason"] + counts["assumed for want of a document"]
    rows = rows_of(text, "What the numbers rest on")[1:]
    assert f"The {judged} that rest on a judgement" in said and len(rows) == judged
    assert all(why and not why.startswith(("chosen", "assumed")) for _, _, why in rows)


def test_it_lists_the_ten_largest_trades_of_the_engine() -> None:
    frame = tiny_run().tables()["liquidations"]
    largest = sorted(frame["value_usd"].abs(), reverse=True)[:10]
    rows = rows_of(text_of(tiny_run), "Who was liquidated")
    stages, trades = rows[: len(rows) - 10], rows[-10:]
    assert [row[6] for row in trades] == [dollars(value) for value in largest]
    assert {row[1] for row in trades} <= {"tourists", "makers", "noise"}
    by_stage = tiny_run().summary["liquidations"]["by_stage"]
    used = {stage: of for stage, of in by_stage.items() if of["count"]}
    assert 1 < len(used) < len(by_stage)
    assert [row[:3] for row in stages if row[0] in by_stage] == [
        [stage, f"{of['count']:,}", dollars(of["notional_usd"])] for stage, of in used.items()
    ]


def test_without_liquidations_it_says_so() -> None:
    assert without_liquidations().summary["liquidations"]["count"] == 0
    seen = read(text_of(without_liquidations))
    assert "Nobody was liquidated." in seen
    assert "Nothing was missing: every position left its owner with money to spare; in all, " in seen
    assert "The ten largest trades" not in seen and "nan" not in seen.lower().split()


def test_a_control_has_its_section_and_its_picture() -> None:
    """Only where there was one."""
    text = text_of(with_control)
    rows = {row[0]: row[1:] for row in rows_of(text, "The same luck, one thing changed")}
    own, other = with_control().summary, with_control().summary["controls"]["always-open"]
    assert rows[""] == ["this run", "always-open"]
    assert rows["accounts liquidated"] == [str(s["liquidations"]["accounts"]) for s in (own, other)]
    apart = own["liquidations"]["accounts"] - other["liquidations"]["accounts"]
    said = "the same" if apart == 0 else f"{apart:+d}".replace("-", "−")
    assert re.search(
        rf"accounts liquidated</td>.*?this run less the control</td>.*?<td class=n>{re.escape(said)}</td>", text
    )
    assert 'alt="controls"' in text
    without = text_of(tiny_run)
    assert "The same luck" not in without and 'alt="controls"' not in without


@RUNS
def test_it_shows_every_picture_once_and_the_two_first(make: object) -> None:
    assert callable(make)
    names = [name.replace(" ", "_") for name in re.findall(r'<img alt="([^"]*)"', text_of(make))]
    assert names[:2] == ["strip", "who_paid"]
    assert sorted(names) == sorted(available(make())) and set(names) <= set(FIGURES)


def test_it_goes_from_the_numbers_to_how_to_make_it_again() -> None:
    tags = Tags()
    tags.feed(text_of(with_control))
    assert tags.titles == [
        "The numbers",
        "How large this market was",
        "Who was liquidated",
        "How liquidations spread",
        "What the gap left to be known",
        "How steady funding and basis were",
        "The same luck, one thing changed",
        "More pictures",
        "What differs from the venue's own rules",
        "What the numbers rest on",
        "Ten words",
        "Make it again",
    ]


def test_a_change_of_the_rules_stands_in_it() -> None:
    rows = rows_of(page(run_one(tiny(perp__margin__leverage_max="10"), 7)), "What differs from the venue's own rules")
    assert ["perp.margin.leverage_max", "10x"] in [[row[0], row[3]] for row in rows]


def test_words_of_a_scenario_are_words(tmp_path: Path) -> None:
    """A question with a tag in it stays text."""
    from offhours.experiments.scenario import scenario

    from .tiny import FILE

    file = tmp_path / "odd.toml"
    file.write_text(FILE.read_text().replace("Does it all hang together?", "Is <script>x</script> & 'y' harmless?"))
    run = run_one(tiny(), 7)
    run.scenario = scenario(file)
    text = page(run)
    assert "<h1>Is &lt;script&gt;x&lt;/script&gt; &amp; &#x27;y&#x27; harmless?</h1>" in text and "<script" not in text


def test_it_is_one_file_beside_its_figures(tmp_path: Path) -> None:
    file = write_report(tiny_run(), tmp_path)
    assert file == tmp_path / "report.html" and file.read_text(encoding="utf-8") == text_of(tiny_run)
    assert sorted(path.stem for path in (tmp_path / "figures").iterdir()) == sorted(available(tiny_run()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "report.html"]
