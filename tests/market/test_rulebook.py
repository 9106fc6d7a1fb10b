"""The rulebook: a rule is a code in the docstring of the room that holds it, and some test cites it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import offhours.agents
import offhours.sim.market

CODE = re.compile(r"^([A-Z]+-\d+)\b", re.MULTILINE)
CITED = re.compile(r"\b([A-Z]+-\d+)\b")
SPAN = re.compile(r"\b([A-Z]+)-(\d+) to \1-(\d+)\b")
TESTS = Path(__file__).resolve().parent.parent
ROOMS = [Path(str(package.__file__)).parent for package in (offhours.sim.market, offhours.agents)]
FILES = [*(path for folder in ROOMS for path in sorted(folder.glob("*.py"))), ROOMS[0].parent / "hours.py"]


def rules() -> dict[str, str]:
    """Every code with the file of its room."""
    found: dict[str, str] = {}
    for path in FILES:
        for code in CODE.findall(ast.get_docstring(ast.parse(path.read_text())) or ""):
            assert code not in found, f"{code} is a rule of {found.get(code)} and of {path.name}"
            found[code] = path.name
    return found


def cited() -> dict[str, set[str]]:
    """Every code that the docstring of a test cites, with the files; "A-1 to A-3" cites three."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            said = ast.get_docstring(node) or ""
            codes = set(CITED.findall(said))
            for name, first, last in SPAN.findall(said):
                codes |= {f"{name}-{n}" for n in range(int(first), int(last) + 1)}
            for code in codes:
                found.setdefault(code, set()).add(path.name)
    return found


def test_every_rule_is_cited_by_a_test() -> None:
    """A rule that no test cites is a sentence, not a rule."""
    found = cited()
    missing = {code: room for code, room in rules().items() if code not in found}
    assert missing == {}


def test_every_code_that_a_test_cites_is_a_rule() -> None:
    """A test that cites a rule which was renamed, struck out or misspelt says so here."""
    known = rules()
    assert {code: files for code, files in cited().items() if code not in known} == {}


def test_the_codes_of_a_room_are_numbered_from_one_without_a_gap() -> None:
    """So that the next rule has a number and a struck-out one is noticed."""
    families: dict[str, list[int]] = {}
    for code in rules():
        name, number = code.split("-")
        families.setdefault(name, []).append(int(number))
    assert {
        name: numbers for name, numbers in families.items() if sorted(numbers) != list(range(1, len(numbers) + 1))
    } == {}


def test_a_family_of_codes_belongs_to_one_room() -> None:
    """One opens one door."""
    rooms: dict[str, set[str]] = {}
    for code, room in rules().items():
        rooms.setdefault(code.split("-")[0], set()).add(room)
    assert {name: found for name, found in rooms.items() if len(found) > 1} == {}
