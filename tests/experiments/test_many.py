"""Many runs: what is lost with a run that fails, what Ctrl-C leaves, and what a second command may take from the first."""

from __future__ import annotations

import ast
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from offhours.experiments import many as many_module
from offhours.experiments import run as run_module
from offhours.experiments.advance import MarketFull
from offhours.experiments.many import Failure, Shelf, Step, key_of_run, run_all
from offhours.experiments.run import Run
from offhours.experiments.tables import Instruments
from offhours.sim.mistake import Mistake

from .tiny import tiny

LEVERAGE = "perp.margin.leverage_max"


class Maker:
    """Stands in for `run_one`: notes what it was asked for, and makes what a test wants of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.fails: dict[int, BaseException] = {}
        self.presses_at: int | None = None

    def __call__(self, scenario: Any, seed: int, **options: Any) -> Run:
        text = scenario.rules.setting(LEVERAGE, "TSLAx").text
        self.asked.append((text, seed))
        if seed in self.fails:
            raise self.fails[seed]
        stopped = False
        if seed == self.presses_at:
            os.kill(os.getpid(), signal.SIGINT)
            while not options["stop"].wait(5):
                pytest.fail("nobody heard Ctrl-C")
            stopped = True
        summary = {"leverage": text, "interrupted": stopped, "outcome": "complete"}
        return Run(scenario, seed, summary, Instruments.of(scenario.rules), None, {}, {"bars": []}, {})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Maker:
    maker = Maker()
    monkeypatch.setattr(run_module, "run_one", maker)
    return maker


def test_a_failing_run_loses_only_itself(made: Maker) -> None:
    """A full table, a person's mistake and a mistake of the program are one sentence each; the others go on."""
    made.fails = {
        8: MarketFull("the table of trades ran full"),
        9: Mistake("fair.py", "", "", "took longer than 2 s"),
        10: ZeroDivisionError("division by zero"),
    }
    found = run_all({"one": tiny()}, range(7, 12))
    assert [run.seed for run in found.runs["one"]] == [7, 11]
    assert sorted(found.failures, key=lambda failure: failure.seed or 0) == [
        Failure("one", 8, "the table of trades ran full"),
        Failure("one", 9, "fair.py: took longer than 2 s"),
        Failure("one", 10, "a mistake of the program (ZeroDivisionError: division by zero)"),
    ]
    assert not found.interrupted


def test_the_same_command_makes_nothing_twice(made: Maker, tmp_path: Path) -> None:
    steps: list[Step] = []
    run_all({"a": tiny()}, (7, 8), folder=tmp_path)
    again = run_all({"a": tiny()}, (7, 8, 9), steps.append, folder=tmp_path)
    assert [seed for _, seed in made.asked] == [7, 8, 9]
    assert [run.seed for run in again.runs["a"]] == [7, 8, 9]
    assert steps == [Step("a", 9, 1, 1, 2)] and again.kept == 2
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_another_command_takes_what_is_the_same_and_nothing_else(made: Maker, tmp_path: Path) -> None:
    """Labels are no identity: a run is taken by its numbers, under whatever name it was made."""
    slow = tiny(**{LEVERAGE.replace(".", "__"): "5x"})
    run_all({"a": tiny(), "b": slow}, (7,), folder=tmp_path)
    found = run_all({"b": tiny(), "c": tiny(**{LEVERAGE.replace(".", "__"): "7x"}), "d": slow}, (7,), folder=tmp_path)
    assert [text for text, _ in made.asked].count("7x") == 1 and len(made.asked) == 3
    for label, text in (("b", "20x"), ("c", "7x"), ("d", "5x")):
        assert found.runs[label][0].summary["leverage"] == text
        assert found.runs[label][0].scenario.rules.setting(LEVERAGE, "TSLAx").text == text


def test_other_sources_take_nothing(made: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_all({"a": tiny()}, (7,), folder=tmp_path)
    monkeypatch.setattr(many_module, "source_digest", lambda: "another")
    run_all({"a": tiny()}, (7,), folder=tmp_path)
    assert len(made.asked) == 2


def test_a_file_that_cannot_be_read_is_made_anew(made: Maker, tmp_path: Path) -> None:
    run_all({"a": tiny()}, (7,), folder=tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_text(file.read_text("utf-8")[:-20], "utf-8")
    assert Shelf(tmp_path).find(tiny(), 7) is None
    run_all({"a": tiny()}, (7,), folder=tmp_path)
    assert len(made.asked) == 2 and Shelf(tmp_path).find(tiny(), 7) is not None
    assert key_of_run(tiny(), 7) != key_of_run(tiny(), 8)


def test_seeds_that_are_drawn_come_with_tables(made: Maker, tmp_path: Path) -> None:
    for _ in range(2):
        found = run_all({"a": tiny()}, (7, 8), folder=tmp_path, with_tables=(7,))
        assert [run._exact is not None for run in found.runs["a"]] == [True, False]
    assert [seed for _, seed in made.asked] == [7, 8, 7]


def test_ctrl_c_keeps_what_is_done(made: Maker, tmp_path: Path) -> None:
    """Pressed during the third of six: two or three are kept, the rest is not begun, and the next command makes only that."""
    made.presses_at = 9
    before = signal.getsignal(signal.SIGINT)
    found = run_all({"a": tiny()}, range(7, 13), folder=tmp_path)
    assert found.interrupted and signal.getsignal(signal.SIGINT) is before
    kept = [run.seed for run in found.runs["a"]]
    assert 7 in kept and 9 not in kept and len(kept) < 5
    made.presses_at, made.asked = None, []
    whole = run_all({"a": tiny()}, range(7, 13), folder=tmp_path)
    assert not whole.interrupted and [run.seed for run in whole.runs["a"]] == list(range(7, 13))
    assert sorted(seed for _, seed in made.asked) == sorted(set(range(7, 13)) - set(kept))


def test_ctrl_c_during_the_first_run_ends_all(made: Maker, tmp_path: Path) -> None:
    made.presses_at = 7
    began = time.monotonic()
    found = run_all({"a": tiny()}, range(7, 13), folder=tmp_path)
    assert found.interrupted and made.asked == [("20x", 7)] and found.runs["a"] == []
    assert time.monotonic() - began < 5


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="cannot be written"):
        Shelf(tmp_path / "file" / "kept")


MAKE_NO_NUMBERS = {"document", "frames", "moves", "span", "toml_text", "words", "figures", "provenance", "metrics"}
"""Rooms that the files of MEASURED_BY lean on: what the first read is in the scenario's digest, the others draw, speak and write, and
metrics/ is counted whole."""


def test_a_kept_run_names_every_file_that_its_numbers_come_from() -> None:
    """Else a change of such a file would leave old numbers on the shelf."""
    here, used = Path(many_module.__file__).parent, set()
    for name in many_module.MEASURED_BY:
        tree = ast.parse((here / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "offhours.experiments":
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("offhours.experiments."):
                used.add(str(node.module).split(".")[2])
    assert used - set(many_module.MEASURED_BY) - MAKE_NO_NUMBERS == set()
