"""Policies of auto-deleveraging and funding rules in whole runs: by name, from a file, from a record; and what goes wrong."""

from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from offhours.experiments import cli
from offhours.experiments.advance import MarketFull
from offhours.experiments.many import run_all
from offhours.experiments.measure import build
from offhours.experiments.provenance import read_provenance, reproduce
from offhours.experiments.run import Run, run, run_one
from offhours.experiments.scenario import Scenario, scenario
from offhours.sim import policies, programs
from offhours.sim.market import ask, deleverage, funding
from offhours.sim.mistake import Mistake

from .tiny import FILE

ROOT = Path(__file__).parent.parent.parent
POLICY, FUNDING, STAGES = "perp.adl.policy", "perp.funding.policy", "perp.liquidation.stages"
SHORT = "partial step, auto-deleverage"
PROGRAM = """
from offhours.sim.policies import queue

def fair(candidates, budget):
    return candidates.room * budget / candidates.room.sum()

def poor(candidates, budget):
    return candidates.room * 0.5

def stuck(candidates, budget):
    while True:
        pass

def rate(premiums, interval):
    return 0.001
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the tiny scenario, whose venue deleverages what steps do not close, and a file of policies beside it."""
    shutil.copy(FILE, tmp_path / "tiny.toml")
    (tmp_path / "my_policy.py").write_text(PROGRAM)
    return tmp_path


def asking(folder: Path, allow: bool = True, **changes: Any) -> Scenario:
    """The scenario; double underscores in names stand for dots."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return scenario(folder / "tiny.toml", {STAGES: SHORT, **named}, allow_policies=allow)


def tape(of: Scenario, seed: int = 7) -> str:
    """Digest of a run's tape."""
    made = run_one(of, seed)
    assert made.summary["conservation_error"] == 0 and made.summary["outcome"] == "complete"
    return str(made.summary["tape_sha256"])


def typed(*words: str) -> Any:
    """What a command prints, and its exit code."""
    return CliRunner().invoke(cli.app, list(words))


# By name ----------------------------------------------------------------------------------------------------------------


def test_policies_have_one_list_of_names() -> None:
    """ASK-1: what the market's rules number is what there is in Python."""
    assert {name.replace(" ", "-") for name in deleverage.POLICIES} == set(policies.POLICIES)
    assert len(set(deleverage.POLICIES)) == deleverage.OWN


def test_each_policy_by_name_makes_a_whole_run(here: Path) -> None:
    """ADL-8: five that are asked, three that the market has; no two make the same tape but those that are the same here.

    Nobody's equity is too small for his part, so water filling meets no cap and takes what contracts do.
    """
    found = {name: tape(asking(here, False, perp__adl__policy=name)) for name in deleverage.POLICIES}
    assert found.pop("capped pro rata") == found["contract pro rata"]
    assert len(set(found.values())) == len(found)
    assert found["queue"] == tape(asking(here)) == tape(asking(here, perp__adl__policy="ranked queue"))
    assert found["wealth pro rata"] == tape(asking(here, perp__adl__form="pro rata"))
    assert found["unranked"] == tape(asking(here, perp__adl__score="draw"))


def test_the_queue_from_a_file_is_the_queue_of_the_market(here: Path) -> None:
    """ADL-10: a whole week-end of liquidations, several of them in one second: the same tape, bit for bit."""
    made = run_one(asking(here, perp__adl__policy="my_policy.py:queue"), 7)
    rows = made.exact_rows()["deleverages"]
    assert len(set(rows["time_us"].tolist())) < len(set(zip(rows["time_us"].tolist(), rows["for_account"].tolist())))
    assert made.summary["tape_sha256"] == tape(asking(here))


def test_a_form_that_contradicts_a_policy_is_a_mistake(here: Path) -> None:
    for changes, sentence in (
        ({POLICY: "pro rata", "perp.adl.form": "queue"}, "contradicts perp.adl.form = 'queue'; say one of them"),
        ({POLICY: "unranked", "perp.adl.score": "bybit"}, "contradicts perp.adl.score = 'bybit'"),
        ({POLICY: "risk-aware", "perp.adl.form": "queue"}, "'risk-aware': contradicts perp.adl.form"),
        ({POLICY: "risk-awar"}, "there is no policy 'risk-awar'; did you mean risk-aware?"),
        ({"TSLAx.perp.adl.policy": "queue"}, "is set for the whole market, not for one ticker"),
        ({POLICY: "my_policy.py"}, "is not written like my_policy.py:fair"),
        ({FUNDING: "queue"}, "there is no policy 'queue'"),
        ({FUNDING: "my_policy.py:rate", "perp.funding.payment": "continuous"}, "is asked where an interval ends"),
    ):
        with pytest.raises(Mistake) as caught:
            scenario(here / "tiny.toml", changes)
        assert sentence in str(caught.value), str(caught.value)
    agreed = asking(here, perp__adl__policy="wealth-pro-rata", perp__adl__form="pro rata")
    assert agreed.rules.setting(POLICY).text == "wealth pro rata"
    assert not agreed.rules[ask.asked]["policy"].any()
    followed = asking(here, perp__adl__policy="pro rata").rules
    assert followed.setting("perp.adl.form").text == "pro rata" and followed[deleverage.adl_rules]["form"][0] == 1


# From a file ------------------------------------------------------------------------------------------------------------


def test_a_file_beside_the_scenario_runs_where_it_is_allowed(here: Path) -> None:
    text = (here / "tiny.toml").read_text() + '\n[perp.adl]\npolicy = "my_policy.py:fair"\n'
    (here / "tiny.toml").write_text(text)
    with pytest.raises(Mistake, match=r"'my_policy.py:fair' is a program; say --allow-policies to run it"):
        run_one(asking(here, allow=False), 7)
    own = asking(here)
    assert tape(own) == tape(asking(here, perp__adl__policy="contract pro rata"))
    assert own.control("always-open").allow_policies and own.at_venue("bitmex").programs == {}


def test_a_venues_own_file_may_name_one(here: Path) -> None:
    """The file of policies lies beside the rulebook then, wherever the scenario is."""
    book = here / "books" / "mine.toml"
    book.parent.mkdir()
    kraken = (ROOT / "sim" / "venues" / "kraken.toml").read_text(encoding="utf-8")
    own, changed = re.subn(r"(\[perp\.adl\]\n)form = .*\n", r'\1policy = "other.py:fair"' + "\n", kraken)
    assert changed == 1
    book.write_text(own, encoding="utf-8")
    with pytest.raises(Mistake, match=r"there is no file .*books/other\.py"):
        asking(here).at_venue(str(book))
    shutil.copy(here / "my_policy.py", book.parent / "other.py")
    at = asking(here).at_venue(str(book))
    assert [program.name for program in at.programs.values()] == ["other.py:fair"]
    assert at.deciders().allocation is not None


def test_the_digest_is_of_what_stands_in_the_file(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = asking(here, perp__adl__policy="my_policy.py:fair")
    assert before.digest != asking(here, perp__adl__policy="contract pro rata").digest
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(here / "my_policy.py", elsewhere / "renamed.py")
    moved = asking(here, perp__adl__policy=f"{elsewhere}/renamed.py:fair")
    assert moved.digest == before.digest
    (here / "my_policy.py").write_text(PROGRAM.replace("budget /", "1.0 * budget /"))
    assert asking(here, perp__adl__policy="my_policy.py:fair").digest != before.digest


def test_a_record_makes_the_run_again_when_the_file_is_gone(here: Path) -> None:
    own = asking(here, perp__adl__policy="my_policy.py:fair", perp__funding__policy="my_policy.py:rate")
    made = run(own, 7, here / "runs", report=False)
    assert made.folder is not None
    kept = read_provenance(made.folder)["policies"]
    assert [(row["knob"], row["ticker"], row["name"]) for row in kept] == [
        (POLICY, None, "my_policy.py:fair"),
        (FUNDING, "TSLAx", "my_policy.py:rate"),
    ]
    assert len({row["sha256"] for row in kept}) == 1
    (here / "my_policy.py").unlink()
    assert Run.open(made.folder).scenario.digest == own.digest
    with pytest.raises(Mistake, match="say --allow-policies to run it"):
        reproduce(made.folder)
    assert reproduce(made.folder, allow_policies=True).identical


def test_a_funding_rule_from_a_file_makes_every_rate(here: Path) -> None:
    """FUND-14: 0.1 % in every hour whose premiums were enough."""
    made = run_one(asking(here, perp__funding__policy="my_policy.py:rate"), 7)
    rates = made.exact_rows()["funding"]
    assert set(rates["rate_ppb"][rates["samples"] >= 30].tolist()) == {1_000_000}
    assert made.summary["conservation_error"] == 0


def test_a_fork_goes_the_same_way(here: Path) -> None:
    """ASK-2: half a run, a copy of it, and both to the end."""
    own = asking(here, perp__adl__policy="my_policy.py:fair")
    sim = build(own, 7)
    sim.advance(own.end_us - 50 * 60 * 1_000_000)
    twin = sim.fork()
    for each in (sim, twin):
        assert each.advance(own.end_us) == "ended"
    assert sim.digest() == twin.digest() and sim.tape.digest() == twin.tape.digest()
    assert len(sim.tape.rows(deleverage.deleverage_events)) > 0


def test_a_market_with_python_agents_asks_too(here: Path) -> None:
    """ASK-2: the loop of a mesa model comes back for a question as for an agent that is due."""
    own = asking(here, perp__adl__policy="my_policy.py:fair", perp__funding__policy="my_policy.py:rate")
    model, alone = own.model(7), build(own, 7)
    model.advance(own.end_us)
    alone.advance(own.end_us)
    for accessor in (deleverage.deleverage_events, funding.funding_events):
        seen, expected = model.simulation.tape.rows(accessor), alone.tape.rows(accessor)
        assert len(seen) == len(expected) > 2
        assert seen["time_us"].tolist() == expected["time_us"].tolist()


# What goes wrong --------------------------------------------------------------------------------------------------------


def test_of_several_runs_only_the_failing_one_is_lost(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time, one of them in a loop without end: its time is up, its thread ends, the others are whole."""
    monkeypatch.setattr(programs, "TIME_LIMIT_S", 0.5)
    arms = {name: asking(here, perp__adl__policy=f"my_policy.py:{name}") for name in ("fair", "poor", "stuck", "queue")}
    many = run_all(arms, (7, 8))
    found, failures = many.runs, many.failures
    assert not many.interrupted
    assert {label: len(runs) for label, runs in found.items()} == {"fair": 2, "poor": 0, "stuck": 0, "queue": 2}
    assert {(failure.label, failure.seed) for failure in failures} == {
        (label, seed) for label in ("poor", "stuck") for seed in (7, 8)
    }
    sentences = {failure.label: failure.sentence for failure in failures}
    assert re.match(r"my_policy.py:poor: takes .* in all, and .* is to be taken; asked on Mon 2026-03-09", sentences["poor"])  # fmt: skip
    assert sentences["stuck"].startswith("my_policy.py:stuck: took longer than 0.5 s; asked on Mon 2026-03-09")
    assert not any(thread.name == "policy my_policy.py:stuck" and _goes_on(thread) for thread in threading.enumerate())


def _goes_on(thread: threading.Thread) -> bool:
    thread.join(2.0)
    return thread.is_alive()


def test_a_control_that_fails_is_named_and_the_run_is_kept(here: Path) -> None:
    text = (here / "tiny.toml").read_text().replace('["always-open"]', '["poor"]')
    (here / "tiny.toml").write_text(f'{text}\n[control.poor]\n"perp.adl.policy" = "my_policy.py:poor"\n')
    made = run(asking(here), 7, controls=True)
    assert made.summary["outcome"] == "complete"
    assert made.summary["controls"]["poor"]["outcome"].startswith("my_policy.py:poor: takes ")


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import no_such_thing\n", "my_policy.py: raised ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def fair(candidates, budget)\n", "my_policy.py: raised SyntaxError: expected ':'"),
        ("while True:\n    pass\n", "my_policy.py: took longer than 0.3 s"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_sentence(here: Path, program: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(programs, "TIME_LIMIT_S", 0.3)
    (here / "my_policy.py").write_text(program)
    with pytest.raises(MarketFull) as caught:
        run_one(asking(here, perp__adl__policy="my_policy.py:fair"), 7)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


def test_the_command_line_asks_before_it_runs_a_program(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    words = ("run", "tiny.toml", "--no-report", "--no-controls", "--set", f"{STAGES}={SHORT}", "--set")
    refused = typed(*words, f"{POLICY}=my_policy.py:fair")
    assert refused.exit_code == 2 and "say --allow-policies to run it" in refused.stderr
    assert not (here / "runs").exists()
    missing = typed(*words, f"{POLICY}=other.py:fair", "--allow-policies")
    assert missing.exit_code == 2 and "there is no file other.py" in missing.stderr
    nameless = typed(*words, f"{POLICY}=my_policy.py:fare", "--allow-policies")
    assert nameless.exit_code == 2 and "has no function 'fare'; did you mean fair?" in nameless.stderr
    poor = typed(*words, f"{POLICY}=my_policy.py:poor", "--allow-policies")
    assert poor.exit_code == 2 and "my_policy.py:poor: takes" in poor.stderr and "Traceback" not in poor.stderr
    assert typed("check", "tiny.toml").exit_code == 0
    done = typed(*words, f"{POLICY}=my_policy.py:fair", "--allow-policies", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["adl"] is not None
    (folder,) = (here / "runs").iterdir()
    assert typed("reproduce", str(folder)).exit_code == 2
    again = typed("reproduce", str(folder), "--allow-policies")
    assert again.exit_code == 0 and again.stdout.startswith("identical")
    told = typed("knob", POLICY)
    assert "risk-aware" in told.stdout and "my_policy.py:fair" in told.stdout


def test_the_policy_of_the_page_runs(here: Path) -> None:
    """The ten lines of experiments/README.md, as they stand there, allot and make rates in a market."""
    page = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    (here / "my_policy.py").write_text(program)
    made = run_one(asking(here, perp__adl__policy="my_policy.py:fair", perp__funding__policy="my_policy.py:rate"), 7)
    assert made.summary["outcome"] == "complete" and made.summary["conservation_error"] == 0
    assert len(made.exact_rows()["deleverages"]) > 0
    rates = made.exact_rows()["funding"]["rate_ppb"]
    assert len(set(rates.tolist())) > 2
