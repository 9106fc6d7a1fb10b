"""Somebody else's policy or funding rule: read, allowed, timed, and held to its answer."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from offhours.sim.mistake import Mistake
from offhours.sim.policies import Candidates, Policy, PolicyError
from offhours.sim.programs import checked, checked_rate, load

TWO = Candidates.of([10.0, 30.0], profit=[1.0, 2.0])


def refused(chosen: Any, **options: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        checked(chosen, TWO, 20, name="mine", seconds=1.0, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_own_policy_is_held_to_its_answer() -> None:
    assert checked(lambda c, budget: c.room * budget / c.room.sum(), TWO, 20, seconds=1.0).tolist() == [5, 15]
    assert checked(lambda c, budget: [5, 15], TWO, 20, seconds=1.0, whole=True).tolist() == [5, 15]
    assert checked(lambda c, budget: c.room, TWO, 50, seconds=1.0).tolist() == [10, 30], (
        "all there is, where that is less"
    )
    assert "takes 19 in all, and 20 is to be taken" in refused(lambda c, budget: [5, 14])
    assert "more than he has from candidate 0: 12 of 10" in refused(lambda c, budget: [12, 8])
    assert "less than nothing from candidate 0" in refused(lambda c, budget: [-5, 25])
    assert "returned 3 numbers for 2 candidates" in refused(lambda c, budget: [5, 10, 5])
    assert "returned nothing, not a number for each candidate" in refused(lambda c, budget: None)
    assert "returned ndarray, not a number for each candidate" in refused(lambda c, budget: c.room * 1j)
    assert "returned one number" in refused(lambda c, budget: 20)
    assert "returned nan for candidate 1" in refused(lambda c, budget: [5, float("nan")])
    assert "returned str" in refused(lambda c, budget: "half")
    assert "not whole" in refused(lambda c, budget: [5.5, 14.5], whole=True)


def test_an_own_policy_may_raise_or_hang_and_nothing_else_is_lost() -> None:
    def broken(candidates: Candidates, budget: float) -> Any:
        raise KeyError("profitt")

    def greedy(candidates: Candidates, budget: float) -> Any:
        candidates.room[0] = 0

    assert "raised KeyError: 'profitt'" in refused(broken)
    assert "raised ValueError" in refused(greedy), "what it is shown cannot be written to"
    began = time.monotonic()
    with pytest.raises(PolicyError, match=r"mine: took longer than 0.05 s"):
        checked(lambda c, budget: time.sleep(0.9), TWO, 20, name="mine", seconds=0.05)
    assert time.monotonic() - began < 0.8


def test_a_loop_without_end_is_ended_and_waiting_for_a_processor_is_no_fault() -> None:
    def endless(candidates: Candidates, budget: float) -> Any:
        while True:
            pass

    def slow(candidates: Candidates, budget: float) -> Any:
        time.sleep(0.12)
        return [5, 15]

    with pytest.raises(PolicyError, match=r"endless: took longer than 0.05 s"):
        checked(endless, TWO, 20, seconds=0.05)
    for _ in range(200):
        if "policy endless" not in {thread.name for thread in threading.enumerate()}:
            break
        time.sleep(0.01)
    assert "policy endless" not in {thread.name for thread in threading.enumerate()}
    if hasattr(time, "pthread_getcpuclockid"):
        assert checked(slow, TWO, 20, seconds=0.1).tolist() == [5, 15]


def test_a_policy_is_loaded_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "my_policy.py"
    file.write_text(
        "def fair(candidates, budget):\n    return candidates.room * budget / candidates.room.sum()\nHALF = 0.5\n"
    )
    fair: Policy = load("my_policy.py:fair", tmp_path, allowed=True)
    assert checked(fair, TWO, 20, seconds=1.0).tolist() == [5, 15]
    for text, sentence in (
        ("my_policy.py:fare", "has no function 'fare'; did you mean fair?"),
        ("my_policy.py:HALF", "has no function 'HALF'"),
        ("other.py:fair", "there is no file"),
        ("my_policy:fair", "is not written like my_policy.py:fair"),
    ):
        with pytest.raises(Mistake) as caught:
            load(text, tmp_path, allowed=True)
        assert sentence in str(caught.value)
    with pytest.raises(Mistake, match="is a program; say --allow-python to run it"):
        load("my_policy.py:fair", tmp_path)
    file.write_text("import no_such_thing\n")
    with pytest.raises(PolicyError, match=r"my_policy.py: raised ModuleNotFoundError"):
        load("my_policy.py:fair", tmp_path, allowed=True)


def test_a_funding_rule_is_held_to_its_answer() -> None:
    assert checked_rate(lambda premiums: premiums.mean() / 8, [0.001, 0.003]) == pytest.approx(0.00025)
    for rule, sentence in (
        (lambda premiums: None, "returned NoneType, not a rate"),
        (lambda premiums: float("inf"), "returned inf"),
        (lambda premiums: 7.0, "no rate between -1 and 1"),
        (lambda premiums: 1 / 0, "raised ZeroDivisionError"),
    ):
        with pytest.raises(PolicyError, match=sentence):
            checked_rate(rule, [0.001], name="mine")
