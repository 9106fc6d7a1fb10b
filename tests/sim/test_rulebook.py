"""A rulebook is a dated document in which every value names its source or a reason."""

from __future__ import annotations

import datetime

import pytest

from offhours.sim import layers, rulebook
from offhours.sim.layers import Layer
from offhours.sim.market import brackets
from offhours.sim.mistake import Mistake
from offhours.sim.rules import resolve


def test_a_venue_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(Mistake, match=r"there is no venue 'kracken'; there are .*kraken"):
        rulebook.read_venue("kracken")


LAUNCH_SET = ("AAPLx", "CRCLx", "GLDx", "GOOGLx", "HOODx", "MSTRx", "NVDAx", "QQQx", "SPYx", "TSLAx")


def test_kraken_names_a_source_or_a_reason_for_every_value() -> None:
    kraken = rulebook.read_venue("kraken")
    assert kraken.effective == datetime.date(2026, 4, 29)
    layer: Layer = layers.read_layer(kraken.document, "venue", kraken.file, LAUNCH_SET)
    bare = [name for name, given in layer.items() if len(given.origin.source) < 15]
    assert layer and not bare
    documents = kraken.sources.values()
    unresolved = [n for n, g in layer.items() if not g.origin.assumed and g.origin.source not in documents]
    assert not unresolved


def test_kraken_is_what_its_documents_say() -> None:
    rules = resolve("kraken", ("TSLAx", "SPYx"), assets=lambda ticker: {}, all_tickers=LAUNCH_SET)
    assert rules.instrument("TSLAx").tick_uusd == 10_000
    assert rules.instrument("SPYx").tick_uusd == 100_000
    assert rules.instrument("SPYx").lot_ushares == 1_000
    assert rules.setting("perp.funding.cap").text == "0.25 %"
    assert rules.setting("perp.funding.divisor").value == 24
    assert rules.setting("perp.oracle.premium_cap").text == "1 %"
    assert rules.setting("perp.margin.class").text == "D"
    # Class D of the multi-collateral schedule: 20x, 10x, 5x, 3.33x, 2x from $0, 10k, 250k, 500k, 2M.
    tiers = rules[brackets.tiers][:6]
    assert list(tiers["from_uusd"][:5]) == [0, 10_000 * 10**6, 250_000 * 10**6, 500_000 * 10**6, 2_000_000 * 10**6]
    assert list(tiers["initial_ppb"][:5]) == [50_000_000, 100_000_000, 200_000_000, 300_000_000, 500_000_000]
    assert list(tiers["maintenance_ppb"][:5]) == [25_000_000, 50_000_000, 100_000_000, 150_000_000, 250_000_000]
    assert not rules.differences()
