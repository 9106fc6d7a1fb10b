"""The command line: what a person types, and one sentence for each thing typed wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from offhours.experiments import cli
from offhours.experiments.run import Run
from offhours.experiments.scenario import every_knob

from .tiny import FILE, tiny, tiny_run

TINY = str(FILE)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offhours(*words: str) -> Result:
    """Type a command."""
    return CliRunner().invoke(cli.app, list(words))


def mistake(*words: str) -> str:
    """Type a command that is wrong: exit code 2, one sentence, no traceback."""
    result = offhours(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


# Running -------------------------------------------------------------------------------------------------------------


def test_run_prints_the_summary_and_leaves_a_folder(here: Path) -> None:
    result = offhours("run", TINY, "--no-report", "--no-controls")
    assert result.exit_code == 0, result.stderr
    assert "tiny, seed 7: Does it all hang together?" in result.stdout
    assert "stock -15.00 %" in result.stdout
    (folder,) = (here / "runs").iterdir()
    assert str(Path("runs") / folder.name) in result.stdout
    assert Run.open(folder).summary["tape_sha256"] == tiny_run().summary["tape_sha256"]


def test_json_is_one_object_and_nothing_else(here: Path) -> None:
    result = offhours("run", TINY, "--json", "--no-report", "--out", "elsewhere", "--name", "mine", "--seed", "9")
    found = json.loads(result.stdout)
    assert (found["seed"], found["scenario"], found["conservation_error"]) == (9, "tiny", 0)
    assert set(found["controls"]) == {"always-open"}
    assert (here / "elsewhere" / "mine" / "summary.json").exists() and not (here / "runs").exists()
    assert json.loads((here / "elsewhere" / "mine" / "summary.json").read_text()) == found


def test_set_changes_knobs_and_the_folder_says_so(here: Path) -> None:
    result = offhours("run", TINY, "--no-report", "--no-controls", "--set", "perp.margin.leverage_max=10", "--set", "group.noise.count=0")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    (folder,) = (here / "runs").iterdir()
    assert folder.name.startswith("tiny_leverage_max-10_noise-count-0_seed-7_")
    assert Run.open(folder).scenario.group("noise").count == 0


def test_runs_lists_what_there_is(here: Path) -> None:
    tiny_run().save(report=False)
    result = offhours("runs")
    assert "tiny, seed 7: as written" in result.stdout and "gap -15.00 %" in result.stdout
    assert "complete" in result.stdout
    (here / "none").mkdir()
    assert "there are no runs in none" in offhours("runs", "none").stdout
    assert "is not a folder" in mistake("runs", "nowhere")


def test_reproduce_says_whether_it_is_identical(here: Path) -> None:
    folder = tiny_run().save(report=False)
    assert offhours("reproduce", str(folder)).stdout.startswith("identical: tape ")
    record = folder / "provenance.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"seed": 8}))
    result = offhours("reproduce", str(folder))
    assert result.exit_code == 1 and result.stdout.startswith("not identical: ")


def test_compare_two_folders(here: Path) -> None:
    one = tiny_run(7).save(report=False)
    other = tiny_run(8).save(report=False)
    result = offhours("compare", str(one), str(other))
    assert result.exit_code == 0, result.stderr
    assert "seeds 7 and 8 differ" in result.stdout and "bad debt" in result.stdout
    assert list((here / "runs").glob("compare_*.png"))


def test_compare_varies_a_knob_over_seeds(here: Path) -> None:
    result = offhours("compare", TINY, "--vary", "perp.margin.leverage_max=20,5", "--seeds", "2", "--json")
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)["comparisons"]
    assert found["seeds"] == [7, 8] and found["inputs"][0]["what"] == "perp.margin.leverage_max"
    assert "4 of 4 runs" in result.stderr


def test_compare_sets_a_scenario_beside_its_controls(here: Path) -> None:
    result = offhours("compare", TINY, "--vary", "control=none,always-open", "--seeds", "2", "--json")
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)["comparisons"]
    assert (found["a"], found["b"]) == ("control=none", "control=always-open")
    assert found["inputs"] == [{"what": "always_open", "a": "false", "b": "true"}]
    assert found["rows"][0]["low"] <= found["rows"][0]["difference"] <= found["rows"][0]["high"]
    assert "--vary: perp.margin.leverage_mx" in mistake("compare", TINY, "--vary", "perp.margin.leverage_mx=1,2")
    assert "there is no control 'closed'" in mistake("compare", TINY, "--vary", "control=none,closed")
    for words in (["--seeds", "0"], ["--seeds", "x"]):
        assert "is not a whole number from 1" in mistake("compare", TINY, "--vary", "control=none,always-open", *words)


# Asking --------------------------------------------------------------------------------------------------------------


def test_scenarios_are_listed_with_their_questions() -> None:
    text = offhours("scenarios").stdout
    assert "weekend-gap" in text and "calm-week" in text and "hypothetical" in text


def test_a_scenario_is_described_with_its_knobs_and_differences() -> None:
    text = offhours("scenarios", TINY).stdout
    assert "TSLAx -15 % from Fri 2026-03-06 16:00:00 EST" in text
    assert "tourists: 60 retail" in text and "leverage = 20x" in text
    assert "what differs from the venue's own file\n    nothing" in text
    assert "basis" not in text
    assert "perp.margin: leverage_max 20x; maintenance 50 %; form marginal; " in text and "; class D" in text
    told = offhours("scenarios", TINY, "--basis").stdout
    assert "perp.margin.leverage_max = 20x\n        Announcement of xStocks perps" in told and "[kraken.toml]" in told
    # What a group sets rests on the scenario; what it leaves alone, on the basis of the default.
    assert "leverage = 20x\n        set by the scenario; its default 10x is literature: " in told
    assert f"    retail.herd = 0.15\n        {every_knob()['retail.herd'].basis}\n" in told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("perp.margin.leverage_max", "1x to 150x"),
        ("leverage_max", "perp.margin.leverage_max"),
        ("TSLAx.perp.funding.cap", "largest rate per interval"),
        ("group.tourists.leverage", "retail.leverage"),
        ("group.tourists.count", "how many members"),
        ("gap.TSLAx.surprise", "nobody can know"),
    ],
)
def test_a_knob_explains_itself(name: str, said: str) -> None:
    result = offhours("knob", name)
    assert result.exit_code == 0 and said in result.stdout and "basis" in result.stdout


def test_fields_and_sizes_explain_themselves() -> None:
    assert offhours("knob", "warm_up").stdout.startswith("warm_up: how long it trades before it is measured")
    assert offhours("knob", "group.tourists.size").stdout.startswith("group.endowment.usd: dollars at the venue")
    assert "did you mean measure_from?" in mistake("knob", "measured_from")


def test_schema_and_glossary() -> None:
    assert "price_usd" in offhours("schema", "trades").stdout
    assert "trades: " in offhours("schema").stdout
    assert "open interest" in offhours("glossary").stdout
    assert offhours("glossary", "Mark").stdout.startswith("mark: ")
    assert "did you mean trades?" in mistake("schema", "trade")
    assert "did you mean funding?" in mistake("glossary", "fundin_g")


def test_version() -> None:
    assert offhours("version").stdout.startswith("offhours 0.")
    assert offhours("--version").stdout == offhours("version").stdout


@pytest.mark.parametrize("change", [lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n")])
def test_files_of_other_editors_are_read_alike(here: Path, change: Callable[[bytes], bytes]) -> None:
    """A mark at the beginning, and line ends as Windows has them."""
    (here / "mine.toml").write_bytes(change(FILE.read_bytes()))
    assert tiny().digest in offhours("check", "mine.toml").stdout


def test_new_then_check(here: Path) -> None:
    result = offhours("new", "mine", "--from", "weekend-gap")
    assert result.exit_code == 0 and (here / "mine.toml").read_text().startswith("# A week-end in the life")
    assert "mine: all is well" in offhours("check", "mine.toml").stdout
    assert "exists already" in mistake("new", "mine", "--from", "weekend-gap")
    assert "is not a name" in mistake("new", "", "--from", "weekend-gap")
    assert "there is no scenario 'weekendgap'" in mistake("new", "other", "--from", "weekendgap")


# Bad input -----------------------------------------------------------------------------------------------------------

WRONG = {
    "a misspelt knob": (["--set", "perp.margin.leverage_mx=10"], "did you mean perp.margin.leverage_max?"),
    "a wrong unit": (["--set", "perp.funding.cap=0.25"], "does not say its unit"),
    "too much leverage": (["--set", "perp.margin.leverage_max=50"], "at most 20x"),
    "an end before the start": (["--set", "end=2026-03-01 09:30"], "must be later than measure_from"),
    "a time that does not exist": (["--set", "end=2026-03-08 02:30"], "does not exist in New York"),
    "a time that exists twice": (["--set", "end=2026-11-01 01:30"], "exists twice in New York"),
    "a ticker that does not exist": (["--set", "tickers=TSLX"], "there is no ticker 'TSLX'"),
    "a price out of reach": (["--set", "stock.price=$50000"], "from $1 to $3,276.8"),
    "an interval that is no hours": (["--set", "perp.funding.interval=90 min"], "an interval is 1, 2, 4 or 8 hours"),
    "a warm-up of less than nothing": (["--set", "warm_up=-3 trading days"], "not shorter than nothing"),
    "a count below nothing": (["--set", "group.tourists.count=-5"], "is not between 0 and 1,000,000"),
    "a group's misspelt knob": (["--set", "group.tourists.leverege=10x"], "did you mean leverage?"),
    "a seed that is a word": (["--seed", "abc"], "--seed: 'abc' is not a whole number from 0"),
    "a seed below nothing": (["--seed", "-1"], "--seed: '-1' is not a whole number from 0"),
    "a group that does not exist": (["--set", "group.tourist.count=0"], "did you mean tourists?"),
    "a change without a value": (["--set", "perp.margin.leverage_max"], "is not written like"),
    "a name that is a path": (["--name", "a/b"], "is not a name for a folder"),
    "too many traders": (["--set", "group.noise.count=1000000", "--set", "group.tourists.count=60000"], "do not fit"),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_sentence_for_each_mistake(case: str, here: Path) -> None:
    words, said = WRONG[case]
    assert said in mistake("run", TINY, *words)
    assert list(here.iterdir()) == []


USAGE = {
    "a misspelt command": (["rnu"], "offhours: there is no command 'rnu'; did you mean run?"),
    "a word that is no command": (["xyzzy"], "offhours: there is no command 'xyzzy'; there are run, runs, "),
    "a misspelt command of venues": (["venues", "dif"], "offhours venues: there is no command 'dif'; did you mean diff?"),
    "nothing to run": (["run"], "offhours run: NAME_OR_FILE (a scenario's name, or a TOML file) is missing; `offhours run --help` says more"),
    "one rulebook to compare": (["venues", "diff", "kraken"], "offhours venues diff: B (another one, or another date of it) is missing"),
    "no rulebook to begin from": (["venues", "new", "x"], "offhours venues new: --from VENUE (the rulebook to begin with) is missing"),
    "a misspelt option": (["run", "weekend-gap", "--sed", "7"], "offhours run: there is no option '--sed'; did you mean --seed?"),
    "an option like no other": (["run", "weekend-gap", "--xyzzy"], "offhours run: there is no option '--xyzzy'; `offhours run --help` lists them"),
    "an option without its value": (["run", "weekend-gap", "--seed"], "offhours: --seed takes a value"),
    "a value for an option without": (["run", "weekend-gap", "--json=3"], "offhours: --json takes no value"),
    "a word too much": (["run", "weekend-gap", "--set", "gap.TSLAx.change=-12", "%"], "offhours run: '%' is too much here; a value with spaces stands between quotes"),
}  # fmt: skip


@pytest.mark.parametrize("case", USAGE)
def test_one_sentence_for_a_command_line_that_is_none(case: str) -> None:
    words, said = USAGE[case]
    assert mistake(*words).startswith(said)


def test_help_is_asked_for_by_nothing_and_by_a_letter() -> None:
    """Every command is told of in a line that no terminal of 80 columns cuts."""
    told = offhours()
    assert told.exit_code == 0 and told.stdout == offhours("--help").stdout == offhours("-h").stdout
    assert "..." not in told.stdout.partition("Commands:")[2]
    assert all(len(line) <= 80 for line in told.stdout.splitlines())


def test_files_that_are_no_scenarios(here: Path) -> None:
    (here / "bad.toml").write_text("this is = = not toml")
    assert "is not TOML" in mistake("run", "bad.toml")
    (here / "bytes.toml").write_bytes(bytes([0xFF, 0xFE, 0x00]))
    assert "is not a text file" in mistake("check", "bytes.toml")
    assert "cannot be read" in mistake("run", "missing.toml")
    (here / "empty.toml").write_text("")
    assert "empty.toml: tickers: is missing" in mistake("run", "empty.toml")
    assert "there is no scenario 'weekend-gab'" in mistake("run", "weekend-gab")


def test_folders_that_cannot_be_written(here: Path) -> None:
    (here / "file").write_text("")
    assert "file: is a file, not a folder" in mistake("run", TINY, "--out", "file")
    assert "file: is a file, not a folder" in mistake("run", TINY, "--out", "file/below/it")
    assert "at most 200 letters" in mistake("run", TINY, "--name", "n" * 300)
    assert "is not the folder of a run" in mistake("reproduce", "file")
    assert "is not the folder of a run" in mistake("figures", "file")
    assert "takes two run folders" in mistake("compare", "file")


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files")
def test_a_disk_that_runs_full(here: Path) -> None:
    """No file may grow beyond 20 kB: the probe passes, the bars do not."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "from offhours.experiments.cli import main; main()"
    )
    words = ["run", TINY, "--no-report", "--no-controls"]
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=here)
    assert result.returncode == 2, result.stderr
    assert result.stderr.strip().splitlines()[-1].endswith("there is no room left to write the run; nothing was kept")
    assert list((here / "runs").iterdir()) == [] and "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [["runn"], ["run", TINY, "--sed", "7"]])  # fmt: skip
def test_unknown_commands_and_options(words: list[str]) -> None:
    result = offhours(*words)
    assert result.exit_code == 2 and "Traceback" not in result.output


# Ctrl-C, start -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_leaves_a_whole_folder(here: Path) -> None:
    """A run of four months, interrupted once its measurement has begun: a whole folder, exit code 130."""
    text = FILE.read_text().replace('end = "2026-03-09 10:00"', 'end = "2026-07-09 10:00"')
    (here / "long.toml").write_text(text)
    code = (
        "import os, sys, offhours.experiments.cli as cli, offhours.experiments.progress as progress\n"
        "say = progress.Line.__call__\n"
        "def call(self, stage):\n"
        "    say(self, stage)\n"
        "    if stage.doing == 'running': print('measuring', file=sys.stderr, flush=True)\n"
        "progress.Line.__call__ = call\n"
        "cli.main()\n"
    )
    words = ["run", "long.toml", "--no-report", "--no-controls", "--json"]
    process = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here)  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "measuring" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    summary = json.loads(out)
    assert summary["outcome"].startswith("interrupted at ") and summary["conservation_error"] == 0
    (folder,) = (here / "runs").iterdir()
    assert Run.open(folder).interrupted
    assert "only whole runs can be made again" in offhours("reproduce", str(folder)).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_at_once_leaves_nothing(here: Path) -> None:
    """Pressed again and again, as one does, from when the interpreter itself has started."""
    code = "print('started', flush=True); from offhours.experiments.__main__ import main; main()"
    words = [sys.executable, "-c", code, "run", TINY, "--no-report"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    while process.poll() is None:
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode in (130, -signal.SIGINT)
    assert not (here / "runs").exists() or list((here / "runs").iterdir()) == []


def test_nothing_heavy_is_imported_before_the_first_event(here: Path) -> None:
    """pandas, matplotlib, scipy, mesa, networkx and the Parquet writer wait until they are needed."""
    code = (
        "import sys\n"
        "from offhours.experiments import cli\n"
        "from offhours.experiments.measure import build\n"
        "from offhours.experiments.scenario import scenario\n"
        f"market = build(scenario({TINY!r}), 7)\n"
        "market.call(market.now_us + 60_000_000, 100)\n"
        "heavy = {'pandas', 'matplotlib', 'scipy.stats', 'scipy.special', 'mesa', 'networkx', 'fastparquet', 'pydantic', 'exchange_calendars', 'rich'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here, check=True)
    assert result.stdout.strip() == "[]"


def test_a_second_process_prints_the_same_tape(here: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-m", "offhours.experiments.cli", "run", TINY, "--json", "--no-report", "--no-controls"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=here, env=environment, check=True)
    assert json.loads(result.stdout)["tape_sha256"] == tiny_run().summary["tape_sha256"]
    assert json.loads(result.stdout)["digest"] == tiny().digest
