"""A warm-up that is kept and shared changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhours.experiments import warm_up as warm_up_module
from offhours.experiments.advance import Watch
from offhours.experiments.measure import build
from offhours.experiments.run import run_one
from offhours.experiments.warm_up import warm_digest, warm_up
from offhours.sim.tape import Tape

from .tiny import tiny, tiny_run


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of markets that nothing else has written to (kernels stay where they are)."""
    monkeypatch.setattr(warm_up_module, "cache_root", lambda: tmp_path)
    return tmp_path


def test_a_warm_up_taken_from_the_cache_changes_nothing(own_cache: Path) -> None:
    """Without a cache, into an empty one, out of a full one: one tape, one summary."""
    without = run_one(tiny(), 7, cached=False)
    assert not list(own_cache.rglob("*.market"))
    first = run_one(tiny(), 7)
    (kept,) = own_cache.rglob("*.market")
    second = run_one(tiny(), 7)
    for made in (without, first, second):
        del made.summary["wall_s"]
    assert without.summary == first.summary == second.summary
    assert kept.stat().st_size < 1_000_000


def test_the_market_taken_from_the_cache_is_the_market_itself(own_cache: Path) -> None:
    """Every table, bit for bit, at the first measured instant and at the end."""
    states = []
    for _ in range(2):
        watch = Watch()
        market = build(tiny(), 7, log_trades=False)
        assert warm_up(market, tiny(), 7, watch, None, True)
        market.tape = Tape()
        early = market.digest()
        market.advance(tiny().end_us)
        states.append((early, market.digest(), market.tape.digest()))
    assert states[0] == states[1]
    assert len(list(own_cache.rglob("*.market"))) == 1


def test_a_warm_up_is_shared_by_what_does_not_matter_before(own_cache: Path) -> None:
    """Another gap finds the same Friday; another rule, population, seed or open stock does not."""
    base = warm_digest(tiny(), 7)
    assert warm_digest(tiny(gap__TSLAx__change="-3 %"), 7) == base
    assert warm_digest(tiny(regime="mature"), 7) == base
    assert warm_digest(tiny(), 8) != base
    for changes in ({"perp__margin__leverage_max": "10x"}, {"group__noise__count": "21"}, {"always_open": "true"}):
        assert warm_digest(tiny(**changes), 7) != base
    run_one(tiny(), 7)
    milder = run_one(tiny(gap__TSLAx__change="-3 %"), 7)
    assert len(list(own_cache.rglob("*.market"))) == 1
    alone = run_one(tiny(gap__TSLAx__change="-3 %"), 7, cached=False)
    assert milder.summary["tape_sha256"] == alone.summary["tape_sha256"]


def test_a_damaged_cache_is_made_anew(own_cache: Path) -> None:
    run_one(tiny(), 7)
    (kept,) = own_cache.rglob("*.market")
    kept.write_bytes(kept.read_bytes()[:-100] + bytes(100))
    assert run_one(tiny(), 7).summary["tape_sha256"] == tiny_run().summary["tape_sha256"]
