"""A run's folder is whole or absent, and makes the run again."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.experiments import provenance
from offhours.experiments import run as run_module
from offhours.experiments.provenance import folder_name, read_provenance, reproduce, target_of
from offhours.experiments.run import Run, run
from offhours.experiments.scenario import read_scenario
from offhours.experiments.tables import names, read_parquet, write_parquet
from offhours.sim.mistake import Mistake

from .tiny import tiny, tiny_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, with its control, without a report."""
    out = tmp_path_factory.mktemp("runs")
    made = run(tiny(), 7, out, controls=True, report=False, command="offhours run tiny.toml")
    assert made.folder is not None
    return made.folder


def test_a_folder_holds_what_it_should(folder: Path) -> None:
    files = {path.name for path in folder.iterdir()}
    assert files == {
        "summary.json",
        "TABLES.md",
        "provenance.json",
        "controls",
        *(f"{name}.parquet" for name in names()),
    }
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert folder.name == f"tiny_seed-7_{tiny().digest[:6]}"
    assert (folder / "controls" / "always-open" / "provenance.json").exists()


def test_a_folder_opened_again_is_the_run(folder: Path) -> None:
    again = Run.open(folder)
    assert again.scenario == tiny() and again.seed == 7
    assert again.summary["tape_sha256"] == tiny_run().summary["tape_sha256"]
    for name, rows in again.exact_rows().items():
        for column in rows.dtype.names or ():
            np.testing.assert_array_equal(
                rows[column], tiny_run().exact_rows()[name][column], err_msg=f"{name}.{column}"
            )
    assert list(again.tables()) == list(names())
    control = again.control("always-open")
    assert control is not None and control.scenario.always_open


def test_exact_tables_are_integers(folder: Path) -> None:
    frames = Run.open(folder).tables(exact=True)
    assert frames["trades"]["price_ticks"].dtype == np.int64
    assert frames["bars"]["time_us"].iloc[0] == tiny().measure_from_us


def test_the_record_alone_makes_the_scenario_again(folder: Path) -> None:
    record = read_provenance(folder)
    again = read_scenario(record["toml"], "tiny.toml")
    assert again.full_digest == record["digest_full"] == tiny().full_digest
    assert record["command"] == "offhours run tiny.toml"
    assert record["versions"]["numba"] and record["source"] and record["platform"]
    assert record["hypothetical"] and "rulebook" in record["hypothetical"]


def test_a_run_made_again_is_identical(folder: Path) -> None:
    found = reproduce(folder)
    assert found.identical and found.sentence.startswith("identical: tape ")


def test_an_edited_table_is_found_out(folder: Path) -> None:
    """One price of one trade by one tick."""
    file = folder / "trades.parquet"
    before = file.read_bytes()
    frame = read_parquet(file)
    prices = frame["price_usd"].to_numpy().copy()
    prices[3] += 0.01
    frame["price_usd"] = prices
    write_parquet(file, frame, Run.open(folder).instruments)
    try:
        found = reproduce(folder)
    finally:
        file.write_bytes(before)
    assert not found.identical and found.differing == ("trades (the file in the folder)",)


def test_an_edited_record_is_found_out(folder: Path) -> None:
    """Another seed than the one that made it."""
    file = folder / "provenance.json"
    before = file.read_text()
    file.write_text(json.dumps(json.loads(before) | {"seed": 8}))
    try:
        found = reproduce(folder)
    finally:
        file.write_text(before)
    assert not found.identical and "trades" in found.differing


def test_changes_survive_the_way_through_the_record(tmp_path: Path) -> None:
    changed = tiny(group__noise__count="5", perp__margin__leverage_max="10x", end="2026-03-09 09:35")
    made = run(changed, 9, tmp_path, report=False)
    assert made.folder is not None
    assert made.folder.name == f"tiny_noise-count-5_leverage_max-10x_end-2026-03-090935_seed-9_{changed.digest[:6]}"
    assert reproduce(made.folder).identical


def test_the_same_run_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    short = tiny(end="2026-03-09 09:35")
    for _ in range(2):
        made = run(short, 7, tmp_path, "mine", report=False)
    assert made.folder == tmp_path / "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_another_run_does_not(tmp_path: Path) -> None:
    run(tiny(end="2026-03-09 09:35"), 7, tmp_path, "mine", report=False)
    with pytest.raises(Mistake, match="mine: holds another run already; choose another --name"):
        target_of(tiny(), 7, tmp_path, "mine")
    (tmp_path / "letters").mkdir()
    with pytest.raises(Mistake, match="letters: exists and is not the folder of a run"):
        target_of(tiny(), 7, tmp_path, "letters")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b"])
def test_a_name_is_one_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="is not a name for a folder"):
        target_of(tiny(), 7, tmp_path, name)


def test_an_unwritable_folder_is_refused_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder should be; nobody waits a minute to be told."""
    (tmp_path / "file").write_text("")
    monkeypatch.delattr(run_module, "run_one")
    with pytest.raises(Mistake, match="is a file, not a folder"):
        run(tiny(), 7, tmp_path / "file" / "runs", report=False)


def test_a_probe_leaves_no_folders_behind(tmp_path: Path) -> None:
    target_of(tiny(), 7, tmp_path / "a" / "b", None)
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_is_one_sentence_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk runs full at the last file."""
    write_text = provenance.write_text

    def full(path: Path, text: str) -> None:
        if path.name == "provenance.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_text(path, text)

    monkeypatch.setattr(provenance, "write_text", full)
    with pytest.raises(Mistake, match="there is no room left to write the run; nothing was kept"):
        tiny_run().save(tmp_path, report=False)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(provenance, "tables_md", broken)
    with pytest.raises(RuntimeError, match="no ink"):
        tiny_run().save(tmp_path, report=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="is not the folder of a run"):
        Run.open(tmp_path)
    (tmp_path / "provenance.json").write_text("{}")
    with pytest.raises(Mistake, match="is not the record of a run"):
        Run.open(tmp_path)


def test_long_names_stay_short() -> None:
    many = {f"perp__margin__{knob}": value for knob, value in (("leverage_max", "10x"), ("maintenance", "40 %"))}
    name = folder_name(tiny(**many, question="x" * 300), 7)
    assert len(name) < 130 and name.endswith(f"_seed-7_{tiny(**many).digest[:6]}")


# Ctrl-C ---------------------------------------------------------------------------------------------------------------


def pressed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_in_a_control_keeps_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was whole: its folder says without which control it is, and can be made again."""
    run_one = run_module.run_one
    monkeypatch.setattr(run_module, "run_one", lambda scenario, *a, **k: pressed() if scenario.always_open else run_one(scenario, *a, **k))  # fmt: skip
    made = tiny().run(seed=7, out=tmp_path, controls=True, report=False)
    assert made.stopped == "without the control always-open" and not made.interrupted
    assert made.summary["controls"] == {} and made.folder is not None
    assert reproduce(made.folder).identical


def test_ctrl_c_in_the_report_keeps_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half a report is left."""
    monkeypatch.setattr("offhours.experiments.figures.render", pressed)
    made = tiny().run(seed=7, out=tmp_path)
    assert made.stopped == "without its report" and made.folder is not None
    assert {"figures", "report.html"} & {path.name for path in made.folder.iterdir()} == set()
    assert Run.open(made.folder).summary == made.summary
