"""Every knob of the market says what it means, why it is what it is, and stands within its own range."""

from __future__ import annotations

import pytest

from offhours.sim.given import Given, Origin, read_knob
from offhours.sim.knobs import Named, knobs
from offhours.sim.names import NAMES
from offhours.sim.units import Instrument


@pytest.mark.parametrize("named", knobs().values(), ids=lambda n: n.name)
def test_each_knob_of_the_market_has_a_meaning_a_basis_and_a_default_in_its_range(named: Named) -> None:
    knob = named.knob
    assert knob.meaning
    kind, _, reason = knob.basis.partition(": ")
    assert kind in ("rule", "measured", "literature", "chosen") and reason
    if kind == "chosen":
        says = ("half" in reason and "twice" in reason) or reason.count("not ") >= 2
        assert says, "a chosen value says why not half and why not twice"
    if named.name not in NAMES:
        given = Given(knob.default, Origin("default"))
        read_knob(knob, given, named.name, Instrument("any", 10_000, 10_000))
