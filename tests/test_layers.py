"""Who may import whom, read off the sources.

import-linter holds the layers (experiments over agents over sim). Here is the wall around ``sim/market``: what the
compiled kernels may lean on, and what may not be found behind it. Each check is shown catching what it is for.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MARKET = sorted((ROOT / "sim" / "market").glob("**/*.py"))
PLAIN_TOOLS = [ROOT / "sim" / f"{name}.py" for name in ("declare", "compile", "chance", "curves")]
ROOMS = sorted(path for room in ("sim", "agents", "experiments") for path in (ROOT / room).glob("**/*.py"))
TESTS = sorted((ROOT / "tests").glob("**/*.py"))

OUTSIDE_ALLOWED = {"__future__", "enum", "math", "numpy", "typing"}
TOOLS_ALLOWED = {f"offhours.sim.{name}" for name in ("declare", "compile", "chance", "curves")}
WORLD = "offhours.sim.market.world"
READERS_OF_WORLD = {"world.py", "step.py", "audit.py"}

Check = Callable[[ast.Module, Path], list[str]]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("offhours", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def imports(tree: ast.Module, path: Path) -> Iterator[tuple[int, str, str]]:
    """Every import as (line, module, name); the name is empty for ``import module``."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*above, module] if module else above)
            yield from ((node.lineno, module, alias.name) for alias in node.names)


def inside_the_wall(module: str, name: str) -> bool:
    if module.split(".")[0] in OUTSIDE_ALLOWED or module in TOOLS_ALLOWED:
        return True
    if module == "offhours.sim.market" or module.startswith("offhours.sim.market."):
        return True
    # `from offhours.sim import chance` is the tool; `from offhours.sim import units` is not.
    return module == "offhours.sim" and (f"{module}.{name}" in TOOLS_ALLOWED or name == "market")


def wall(tree: ast.Module, path: Path) -> list[str]:
    """Imports that lead from sim/market to something other than numpy, its neighbours and the plain tools."""
    found = imports(tree, path)
    return [f"line {line} imports {module} {name}" for line, module, name in found if not inside_the_wall(module, name)]


def world_reader(tree: ast.Module, path: Path) -> list[str]:
    """Imports of the page that lists the rooms, by a room."""
    if path.name in READERS_OF_WORLD:
        return []
    return [
        f"line {line} imports the world"
        for line, module, name in imports(tree, path)
        if module == WORLD or f"{module}.{name}" == WORLD
    ]


def numpy_luck(tree: ast.Module, path: Path) -> list[str]:
    """Random numbers that are not a function of (seed, stream, who, n)."""
    lines = [
        line
        for line, module, name in imports(tree, path)
        if module.startswith("numpy.random") or (module == "numpy" and name == "random") or module == "random"
    ]
    lines += [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "random"
        and isinstance(node.value, ast.Name)
        and node.value.id in {"np", "numpy"}
    ]
    return [f"line {line} draws from numpy or random" for line in sorted(lines)]


def unsigned(tree: ast.Module, path: Path) -> list[str]:
    """64-bit unsigned integers: mixed with int64 they become floats in numpy and in numba."""
    if path.name == "chance.py":
        return []
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "uint64")
        or (isinstance(node, ast.Name) and node.id == "uint64")
        or (isinstance(node, ast.alias) and node.name == "uint64")
        or (isinstance(node, ast.Constant) and node.value in {"uint64", "u8", "<u8", "=u8"})
    ]
    return [f"line {line} has a uint64" for line in lines]


def bare_room(tree: ast.Module, path: Path) -> list[str]:
    """``import sim`` instead of ``import offhours.sim``: the module would exist twice."""
    return [
        f"line {line} imports {module}"
        for line, module, _ in imports(tree, path)
        if module.split(".")[0] in {"sim", "agents", "experiments"}
    ]


@pytest.mark.parametrize(
    ("check", "paths"),
    [
        (wall, MARKET),
        (world_reader, MARKET),
        (numpy_luck, MARKET + PLAIN_TOOLS),
        (unsigned, MARKET + PLAIN_TOOLS),
        (bare_room, ROOMS + TESTS),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_sources_keep_the_rule(check: Check, paths: list[Path]) -> None:
    assert paths
    broken = [
        f"{path.relative_to(ROOT)} {what}"
        for path in paths
        for what in check(ast.parse(path.read_text(encoding="utf-8")), path)
    ]
    assert not broken, f"{check.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (wall, "import pandas"),
        (wall, "import os.path"),
        (wall, "from offhours.sim import units"),
        (wall, "from offhours.sim.rules import read"),
        (wall, "from .. import hours"),
        (wall, "from ..units import read"),
        (wall, "def later():\n    import pydantic"),
        (world_reader, "from offhours.sim.market import world"),
        (world_reader, "from .world import TABLES"),
        (world_reader, "import offhours.sim.market.world"),
        (numpy_luck, "import numpy as np\nnp.random.default_rng(1)"),
        (numpy_luck, "from numpy import random"),
        (numpy_luck, "from numpy.random import default_rng"),
        (unsigned, "import numpy as np\nnp.uint64(1)"),
        (unsigned, "from numpy import uint64"),
        (unsigned, "COLUMN = 'u8'"),
        (bare_room, "import sim.units"),
        (bare_room, "from agents import maker"),
    ],
)
def test_the_rule_catches(check: Check, source: str) -> None:
    assert check(ast.parse(source), ROOT / "sim" / "market" / "book.py")


@pytest.mark.parametrize(
    "source",
    [
        "import math\nimport numpy as np\nfrom enum import IntEnum\nfrom typing import Any",
        "from offhours.sim.market.money import PPB",
        "from offhours.sim.declare import table",
        "from offhours.sim import chance",
        "from . import orders",
        "from ..compile import kernel",
    ],
)
def test_the_wall_lets_through(source: str) -> None:
    assert wall(ast.parse(source), ROOT / "sim" / "market" / "book.py") == []
