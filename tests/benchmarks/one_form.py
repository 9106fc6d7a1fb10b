"""What it costs that rules are chosen at run time: the same week by kernels that know only the forms its venue uses.

    python one_form.py write FOLDER   # a copy of the package in FOLDER/offhours, cut down
    python one_form.py run HOURS      # hours of the busy week by the offhours that is on the path; prints JSON

In the copy every reading of a knob that is a choice or a flag, where the venue has one value for all rows of the table, is the
value itself: ``funding_rules(world)[ticker].form`` becomes ``0``. The compiler then drops the branches of all other forms. So is
the flag of collateral: whether tokens and loans count in anybody's margin. Both programs must tell the same story.
"""

from __future__ import annotations

import ast
import json
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

Constants = dict[tuple[str, str], int]


def constants() -> Constants:
    """The value of each choice and flag of the busy week's rules, by (table, column)."""
    from benchmarks import week

    from offhours.sim.declare import Knob, spec_of

    found = {("pledges", "active"): 0}
    market = week.open_market_of(week.busy_week(10))
    for accessor in market.memory.block.accessors:
        table = spec_of(accessor)
        rows = market.memory[accessor]
        for column, mark in table.columns.items():
            if isinstance(mark, Knob) and mark.unit in ("choice", "flag") and len(set(rows[column].tolist())) == 1:
                name = "".join("_" + c.lower() if c.isupper() else c for c in table.name).lstrip("_")
                found[name, column] = int(rows[column][0])
    assert market.memory.arrays["Pledge"]["active"][0] == 0
    return found


class _Cut(ast.NodeTransformer):
    """Puts values in the place of readings."""

    def __init__(self, values: Constants) -> None:
        self.values = values
        self.names: dict[str, str] = {}
        self.done = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.names = {}
        for statement in ast.walk(node):
            if isinstance(statement, ast.Assign):
                target, value = statement.targets[0], statement.value
                pairs = zip(target.elts, value.elts) if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) else [(target, value)]  # fmt: skip
                for name, of in pairs:
                    if isinstance(name, ast.Name) and table_of(of):
                        self.names[name.id] = table_of(of)
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        table = self.names.get(node.value.id, "") if isinstance(node.value, ast.Name) else table_of(node.value)
        if isinstance(node.ctx, ast.Load) and (table, node.attr) in self.values:
            self.done += 1
            return ast.Constant(self.values[table, node.attr])
        return node


def table_of(node: ast.AST) -> str:
    """The table of which an expression is a row, in the singular (``funding_rules(world)[ticker]``), else nothing."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).rpartition(".")[2]
    return ""


def write(folder: Path) -> int:
    """Write the copy; returns how many readings were replaced."""
    values = constants()
    home = folder / "offhours"
    for room in ("sim", "agents", "experiments"):
        shutil.copytree(ROOT / room, home / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__init__.py", home / "__init__.py")
    replaced = 0
    for path in (*home.glob("sim/market/*.py"), *home.glob("agents/*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        cut = _Cut(values)
        tree = cut.visit(tree)
        if cut.done:
            path.write_text(ast.unparse(ast.fix_missing_locations(tree)) + "\n", "utf-8")
            replaced += cut.done
    return replaced


def run(hours: int) -> None:
    """CPU seconds of each hour of the busy week after the first, and what happened."""
    from benchmarks import week

    market = week.open_market_of(week.busy_week(10_000))
    begin_us = market.setup.start_us + int(1.2 * week.HOUR_US)
    market.advance(begin_us)
    taken = []
    for hour in range(hours):
        begin = time.process_time()
        market.advance(begin_us + (hour + 1) * week.HOUR_US)
        taken.append(time.process_time() - begin)
    print(json.dumps({"hours_s": taken, "digest": market.memory.digest()}))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        print(write(Path(sys.argv[2])))
    else:
        run(int(sys.argv[2]))
