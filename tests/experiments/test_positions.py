"""A venue's own book, handed in at Friday's close: what is read, what is refused, and that nobody is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhours.experiments.measure import build
from offhours.experiments.positions import COLUMNS, EXAMPLE, hand_in, name_accounts
from offhours.experiments.run import run
from offhours.experiments.scenario import Scenario, read_scenario
from offhours.sim.market import accounts, margin, positions
from offhours.sim.mistake import Mistake

from .tiny import tiny

HEADING = "account, ticker, side, size, entry price, collateral, group\n"
BOOK = HEADING + 'alice, TSLAx, long, 10, 400, 400, whales\nbob, TSLAx, short, 25.5, $402.10, "1,200",\n'


def handed(text: str, folder: Path, **more: object) -> Scenario:
    """The tiny scenario with a book."""
    (folder / "book.csv").write_text(text, "utf-8")
    return tiny(positions={"file": str(folder / "book.csv"), **more})


def test_a_book_is_read_and_its_totals_are_said(tmp_path: Path) -> None:
    own = handed(BOOK, tmp_path)
    assert own.positions is not None
    assert [(p.account, p.lots, p.value_uusd) for p in own.positions.positions] == [
        (0, 1000, 4_000_000_000),
        (1, -2550, -10_253_550_000),
    ]
    assert own.positions.collateral_uusd == (400_000_000, 1_200_000_000)
    assert [(g.name, g.population, g.count) for g in own.groups[-2:]] == [
        ("whales", "holder", 1),
        ("book", "holder", 1),
    ]
    assert own.positions.totals() == [
        "book.csv: 2 accounts in 2 groups, 2 positions, collateral $1,600",
        "  TSLAx: long $4,000, short $10,254 at entry; net −$6,254 is held against the outside world",
    ]


def test_it_joins_the_retail_or_takes_its_place(tmp_path: Path) -> None:
    retail = [g.name for g in tiny().groups if g.population == "retail" and g.count]
    assert retail
    assert [g.name for g in handed(BOOK, tmp_path).groups if g.population == "retail" and g.count] == retail
    assert not any(g.count for g in handed(BOOK, tmp_path, replaces=True).groups if g.population == "retail")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("account, side\n1, long\n", "book.csv: lacks the columns ticker, size, entry price, collateral; its heading has account, side"),
        (HEADING, "book.csv: has no positions"),
        (HEADING + "a, TSLA, long, 1, 400, 40,\n", "line 2: ticker: the scenario has no 'TSLA'; it has TSLAx; did you mean TSLAx?"),
        (HEADING + "a, TSLAx, up, 1, 400, 40,\n", "side: 'up' is not one of long, short"),
        (HEADING + "a, TSLAx, long, many, 400, 40,\n", "size: 'many' is not a number like 402.10"),
        (HEADING + "a, TSLAx, long, -1, 400, 40,\n", "size: '-1' is not a number above zero"),
        (HEADING + "a, TSLAx, long, 0.004, 400, 40,\n", "is less than half a lot of 0.01 shares"),
        (HEADING + "a, TSLAx, long, 1, , 40,\n", "entry price: is empty"),
        (HEADING + "a, TSLAx, long, 1, 400, -40,\n", "collateral: '-40' is not a number from zero on"),
        (HEADING + "a, TSLAx, long, 1, 400, 40,\na, TSLAx, short, 1, 400, 0,\n", "line 3: side = 'short': the account holds the other side"),
        (HEADING + "a, TSLAx, long, 1, 400, 40, x\na, TSLAx, long, 1, 400, 0, y\n", "group = 'y': the account is in group 'x' already"),
        (HEADING + "a, TSLAx, long, 1, 400, 40, tourists\n", "each group has a name of its own"),
        (HEADING.replace(",", ";") + "a;TSLAx;long;1;400;40;x\n", "book.csv: separates its columns by something else than commas"),
        (HEADING + "a, TSLAx, long, 1,000, 400, 40, x\n", "book.csv, line 2: has more cells than columns; put '10,000' between quotes"),
        (HEADING + "a, TSLAx, long, nan, 400, 40,\n", "size: 'nan' is not a number like 402.10"),
        (HEADING + "a, TSLAx, long, 1e99999999, 400, 40,\n", "size: '1e99999999' is not a number like 402.10"),
        (HEADING + "a, TSLAx, long, 1, 1/3, 40,\n", "entry price: '1/3' is not a number like 402.10"),
        (HEADING + "a, TSLAx, long, 1e13, 400, 40,\n", "size: '1e13' is above 1,000,000,000,000"),
        (HEADING + "a, TSLAx, long, 900000000, 0.01, 40,\nb, TSLAx, short, 900000000, 0.01, 40,\n", "book.csv: size: holds 1,800,000,000 shares of TSLAx; at most 1,000,000,000 fit"),
        (HEADING + "a, TSLAx, long, 1000000, 1000000, 40,\n", "comes to $1,000,000,000,040 of positions and collateral; at most $100,000,000,000 fit"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line_and_its_column(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(Mistake) as caught:
        handed(text, tmp_path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_wrong_instant_are_said(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"nowhere.csv: positions: cannot be read: no such file"):
        tiny(positions=str(tmp_path / "nowhere.csv"))
    with pytest.raises(Mistake, match="must lie between measure_from and end"):
        handed(BOOK, tmp_path, at="2026-03-01 12:00")
    with pytest.raises(Mistake, match="positions have no 'replace'; did you mean replaces"):
        handed(BOOK, tmp_path, replace=True)


def test_everybody_holds_what_the_file_says_and_results_begin_there(tmp_path: Path) -> None:
    """Alice: 10 shares at $400 on $400; her equity is collateral plus what the position has gained, at the mark."""
    own = handed(BOOK, tmp_path)
    assert own.positions is not None
    sim = build(own, 7, log_trades=False)
    sim.advance(own.measure_from_us)
    names = [group.name for group in own.groups]
    hand_in(sim, names, own.positions)
    assert sim.audit() == []
    table = sim.memory[accounts.accounts]
    alice = int(np.flatnonzero(table["group"] == accounts.HOUSES + names.index("whales"))[0])
    mark_uusd = int(sim.memory[positions.positions]["size_lots"][alice]) * 4_000_000
    row = sim.memory[positions.positions][alice]
    assert (int(row["size_lots"]), int(row["cost_uusd"])) == (1000, 4_000_000_000)
    worth = margin.notional(sim.world, alice, 0)
    assert sim.equity(alice) == 400_000_000 + worth - mark_uusd
    assert int(sim.memory[positions.positions]["size_lots"].sum()) == 0
    flows = sim.memory[accounts.flows]["amount"].reshape(-1, accounts.FLOWS)[accounts.HOUSES + names.index("whales")]
    assert int(flows[accounts.ENDOWMENT]) == 400_000_000 + worth - mark_uusd
    assert int(flows[accounts.PERP_TRADE]) == -worth


def test_a_run_with_a_book_makes_itself_again_and_names_nobody(tmp_path: Path) -> None:
    own = handed(BOOK, tmp_path)
    again = read_scenario(own.to_toml(), "tiny.toml")
    assert again.digest == own.digest != tiny().digest
    made = run(own, 7, tmp_path, "with-book", report=False)
    found = made.tables()["accounts"]
    assert "name" not in found.columns
    assert len(found[found["group"].isin(["whales", "book"])]) == 2
    assert made.summary["audit"] == []
    for file in (tmp_path / "with-book").iterdir():
        assert b"alice" not in file.read_bytes(), file.name
    assert own.positions is not None
    assert name_accounts(["makers", "whales", "book"], own.positions) == ["", "alice", "bob"]


def test_an_example_ships() -> None:
    own = tiny(tickers=["TSLAx", "SPYx"], positions=EXAMPLE)
    assert own.positions is not None
    assert len(own.positions.groups) == 60
    assert len(own.positions.members()) == 2
    assert set(COLUMNS) <= set(HEADING.strip().replace(", ", ",").split(","))


@pytest.mark.parametrize("given", [{}, ["book.csv"], {"rows": 3}])
def test_a_book_is_a_file_or_a_table(given: object) -> None:
    with pytest.raises(
        Mistake, match=r'positions: is a file, or a table like \{ file = "book.csv", replaces = true \}'
    ):
        tiny(positions=given)


def test_accounts_that_begin_below_their_margin_are_counted(tmp_path: Path) -> None:
    """At 20x, $4,000 of TSLAx ask for $200: one has it to the dollar, one a dollar less."""
    text = HEADING + "a, TSLAx, long, 10, 400, 200,\nb, TSLAx, short, 10, 400, 199,\n"
    own = handed(text, tmp_path).positions
    assert own is not None and own.thin == 1
    assert "  1 account with less collateral than the venue's largest leverage asks for at entry" in own.totals()
    assert not any("less collateral" in line for line in handed(BOOK, tmp_path).positions.totals()[:2])  # type: ignore[union-attr]
