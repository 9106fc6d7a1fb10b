"""Nothing changed unnoticed: a whole tiny run, number by number. A change needs a line in CHANGES.md that says why.

The tape's digest is a function of scenario, seed and source on every machine, so it is compared to the last bit. To accept
a change, put what the failing test prints into ``tiny-gap.json`` and write the line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offhours.experiments.run import run
from offhours.experiments.scenario import scenario

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "tiny-gap.json").read_text(encoding="utf-8"))
KEPT = ("tape_sha256", "digest", "events", "messages", "trades", "shortfall_usd", "bad_debt_usd", "conservation_error")


@pytest.fixture(scope="module", params=sorted(GOLDEN))
def pair(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    made = run(scenario(str(HERE / "tiny-gap.toml")), seed=int(request.param), cached=False)
    found = {key: made.summary[key] for key in KEPT}
    found["liquidations"] = made.summary["liquidations"]["count"]
    found["pnl_usd"] = made.summary["pnl_usd"]
    return found, GOLDEN[request.param]


def test_every_number_is_what_it_was(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    found, golden = pair
    assert found == golden, json.dumps(found, indent=1)


def test_the_run_has_something_to_say(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A golden run in which nothing happens guards nothing."""
    _, golden = pair
    assert golden["liquidations"] > 10 and golden["trades"] > 500 and golden["conservation_error"] == 0


def test_the_last_change_has_a_reason() -> None:
    lines = [line for line in (HERE / "CHANGES.md").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    tapes = [golden["tape_sha256"][:8] for golden in GOLDEN.values()]
    assert lines and all(tape in lines[-1] for tape in tapes)
