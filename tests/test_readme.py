"""The documents say what is so: their commands run as written, their links lead somewhere, their lists are the code's."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhours.experiments.scenario import every_knob
from offhours.sim.market.accounts import FLOW_NAMES

ROOT = Path(__file__).parent.parent
PAGES = [path for room in (".", "sim", "agents", "experiments") if (path := ROOT / room / "README.md").exists()]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MARKET = (ROOT / "sim" / "README.md").read_text(encoding="utf-8")

SPOKEN = ROOT / "experiments" / "glossary.toml"
"""The words that `offhours glossary` knows."""

ELSEWHERE = {"pip install .": ("test_packaging.py", "test_the_installed_wheel_is_taken_though")}
"""Commands that another test runs: its file, and how its name begins."""

# What the pages hold ---------------------------------------------------------------------------------------------------


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"there is no heading '{heading}'"
    return found[1]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of the one table in a text, without its head."""
    _, rule, *cells = re.findall(r"^\| *(.*?) *\|", text, re.M)
    assert set(rule) == {"-"}
    return cells


def commands(text: str) -> list[str]:
    """Every command that a page tells people to type, in order: lines of shell blocks, and words in backticks."""
    found = []
    for line in re.findall(r"^```sh\n.*?^```$|`[^`\n]+`", text, re.M | re.S):
        lines = line.splitlines()[1:-1] if line.startswith("```") else [line.strip("`")]
        found += [re.sub(r"\s+#.*", "", one).strip() for one in lines]
    return [one for one in found if re.match(r"(make|offhours|pip) \S", one)]


def slug(heading: str) -> str:
    """The anchor that a heading has on a page."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def rules() -> dict[str, str]:
    """Every rule of the market by code, as the docstrings of its rooms say it."""
    found: dict[str, str] = {}
    for path in [ROOT / "sim" / "hours.py", *sorted((ROOT / "sim" / "market").glob("*.py"))]:
        code = ""
        for line in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines():
            begins = re.match(r"([A-Z]+-\d+) +(\S.*)", line)
            if begins:
                code = begins[1]
                assert code not in found, f"{code} stands in two rooms"
                found[code] = begins[2]
            elif code and line.startswith("  "):
                found[code] += " " + line.strip()
            else:
                code = ""
    return found


# Commands --------------------------------------------------------------------------------------------------------------


def offhours() -> list[str]:
    """The command as it is installed beside this Python, or the function it calls."""
    installed = shutil.which("offhours", path=str(Path(sys.executable).parent))
    return [installed] if installed else [sys.executable, "-m", "offhours.experiments"]


def type_it(words: list[str], folder: Path, timeout_s: float = 900) -> str:
    """Type a command in a folder and return what it prints; it must succeed."""
    environment = os.environ | {"MPLBACKEND": "Agg", "COLUMNS": "200"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "Traceback" not in done.stderr, done.stderr[-4000:]
    return done.stdout


def runs_in(folder: Path) -> list[Path]:
    """The folders of finished runs, oldest first."""
    records = sorted(folder.glob("runs/*/provenance.json"), key=lambda record: record.stat().st_mtime)
    return [record.parent for record in records]


def is_long(command: str) -> bool:
    """Whether a command runs many markets."""
    return "--seeds" in command


def test_the_page_has_commands_of_each_kind_and_each_is_run_somewhere() -> None:
    typed = commands(README)
    assert {"make run", "make test", "pip install .", "offhours run weekend-gap"} <= set(typed)
    assert len({one for one in typed if one.startswith("offhours")}) >= 12
    for one in typed:
        if one.startswith("pip"):
            file, name = ELSEWHERE[one]
            assert f"def {name}" in (ROOT / "tests" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_each_make_command_of_a_page_is_a_target(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {one.split()[1] for one in commands(page.read_text(encoding="utf-8")) if one.startswith("make ")}
    assert named <= targets


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with one run in it, made by the page's first `offhours` command."""
    here: Path = tmp_path_factory.mktemp("newcomer")
    first = next(one for one in commands(README) if one.startswith("offhours "))
    type_it([*offhours(), *shlex.split(first)[1:]], here)
    return here


@pytest.mark.timeout(3600)
def test_each_short_command_works_as_written(folder: Path) -> None:
    first, *others = dict.fromkeys(one for one in commands(README) if one.startswith("offhours "))
    made = runs_in(folder)
    assert len(made) == 1 and first == "offhours run weekend-gap"
    for name in ("report.html", "summary.json", "TABLES.md", "bars.parquet"):
        assert (made[0] / name).is_file(), f"{first} did not write {name}"
    for one in others:
        if is_long(one):
            continue
        made = runs_in(folder)
        place = {"RUN": str(made[0]), "OTHER": str(made[-1])}
        printed = type_it([*offhours(), *(place.get(word, word) for word in shlex.split(one)[1:])], folder)
        assert printed.strip(), f"{one} prints nothing"
        if "--json" in one:
            assert json.loads(printed)["conservation_error"] == 0
        if "reproduce" in one:
            assert "identical" in printed and "not identical" not in printed
    assert (folder / "mine.toml").is_file()
    assert len(runs_in(folder)) >= 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_each_long_command_works_as_written(folder: Path) -> None:
    long = [one for one in commands(README) if one.startswith("offhours ") and is_long(one)]
    assert long
    for one in long:
        assert type_it([*offhours(), *shlex.split(one)[1:]], folder, timeout_s=3600).strip()


@pytest.mark.timeout(3600)
def test_the_python_of_the_page_runs(folder: Path) -> None:
    """In the folder of the run before, so that its warm-up is there already, as it is for whoever reads on."""
    program, trader = blocks(README, "python")
    printed = type_it([sys.executable, "-c", program], folder)
    assert len(printed.splitlines()) >= 4
    when, position, equity = type_it([sys.executable, "-c", trader], folder).rsplit(maxsplit=2)
    # Half the session of the first day; he has traded, at the cost of some fees.
    assert when.startswith("Fri 2026-02-20 15:30:00") and float(position) >= 0
    assert 0 < abs(float(equity) - 10_000) < 1000


def test_the_picture_is_of_the_run_that_the_page_tells_to_make(folder: Path) -> None:
    """Its file says of which tape it is. Made anew, with the path of a run as `run` and of the picture as `file`, by::

    run = Run.open(run)
    render(run, "strip").savefig(file, dpi=100, metadata={"Description": "tape " + run.summary["tape_sha256"]})
    """
    picture = (ROOT / "experiments" / "pictures" / "weekend-gap.png").read_bytes()
    summary = json.loads((runs_in(folder)[0] / "summary.json").read_text(encoding="utf-8"))
    assert len(picture) < 150_000
    assert f"tape {summary['tape_sha256']}".encode() in picture


# Links and lists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert "://" not in target, f"{target} needs a network to be checked"
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
            assert anchor in {slug(one) for one in headings}, f"{target} names no heading"


@pytest.mark.parametrize(
    "folders", [("sim", "sim/market"), ("agents",), ("experiments",)], ids=lambda folders: folders[0]
)
def test_each_file_of_a_room_is_named_on_its_page(folders: tuple[str, ...]) -> None:
    page = (ROOT / folders[0] / "README.md").read_text(encoding="utf-8")
    files = [path.name for folder in folders for path in sorted((ROOT / folder).glob("[!_]*.py"))]
    assert len(files) > 10
    assert [name for name in files if name not in page] == []


def test_the_rulebook_has_the_rules_of_the_rooms_in_their_words() -> None:
    written = {row[0]: row[1] for row in re.findall(r"^\| ([A-Z]+-\d+) \| (.*?) \| .+ \|$", section(MARKET, "Rulebook"), re.M)}  # fmt: skip
    assert set(written) == set(rules())
    stale = [f"| {code} | {says} |" for code, says in rules().items() if written[code] != says]
    assert not stale, "the docstrings say:\n" + "\n".join(stale)


def cited() -> Iterator[tuple[str, str]]:
    """Rule codes that tests cite, with the file."""
    prefixes = "|".join(sorted({code.split("-")[0] for code in rules()}))
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for code in re.findall(rf"\b(?:{prefixes})-\d+\b", path.read_text(encoding="utf-8")):
            yield path.name, code


def test_tests_cite_rules_that_there_are() -> None:
    found, known = set(cited()), rules()
    assert len(found) > 20
    assert {(file, code) for file, code in found if code not in known} == set()


def test_the_table_of_flows_is_the_ledgers() -> None:
    assert first_cells(section(MARKET, "Flows")) == list(FLOW_NAMES)


def glossary() -> dict[str, str]:
    """The words of the market's page, in its order."""
    return dict(re.findall(r"^- \*\*(.+?)\*\*: (\S.*)\.$", section(MARKET, "Glossary"), re.M))


def test_the_glossary_is_in_order_and_of_words_in_use() -> None:
    words = list(glossary())
    assert len(words) == len(re.findall(r"^- ", section(MARKET, "Glossary"), re.M)) >= 60
    assert words == sorted(words, key=str.lower)
    sources = [path for room in ("sim", "agents", "experiments") for path in (ROOT / room).rglob("*.*")]
    text = MARKET.replace(section(MARKET, "Glossary"), "") + README
    text += "".join(p.read_text(encoding="utf-8") for p in sources if p.suffix in {".py", ".toml"} and p != SPOKEN)
    in_use = " ".join(text.lower().split())
    assert [word for word in words if word.lower() not in in_use] == []


def test_the_command_line_explains_words_as_the_page_does() -> None:
    spoken = tomllib.loads(SPOKEN.read_text(encoding="utf-8"))
    assert spoken
    assert {word: glossary().get(word) for word in spoken} == spoken


def test_about_half_of_the_defaults_are_choices() -> None:
    kinds = [knob.basis.partition(":")[0] for knob in every_knob().values()]
    assert "about half of all\n  defaults are choices" in README
    assert 0.4 < kinds.count("chosen") / len(kinds) < 0.6
