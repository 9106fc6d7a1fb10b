"""offhours: markets that never close on assets whose own market sleeps.

>>> import offhours as oh
>>> run = oh.scenario("weekend-gap").run(seed=7)
>>> again = oh.Run.open(run.save())

The public names are below. Each is imported when it is first used, so that ``import offhours`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhours.agents.mesa_model import OffhoursModel, Trader
    from offhours.experiments.run import Run
    from offhours.experiments.scenario import Scenario, read_scenario, scenario, scenarios
    from offhours.sim import calculator
    from offhours.sim.mistake import Mistake
    from offhours.sim.simulation import Simulation

__version__ = "0.1.0"

_WHERE = {
    "calculator": "offhours.sim.calculator",
    "scenario": "offhours.experiments.scenario:scenario",
    "scenarios": "offhours.experiments.scenario:scenarios",
    "read_scenario": "offhours.experiments.scenario:read_scenario",
    "Scenario": "offhours.experiments.scenario:Scenario",
    "Run": "offhours.experiments.run:Run",
    "Mistake": "offhours.sim.mistake:Mistake",
    "Simulation": "offhours.sim.simulation:Simulation",
    "OffhoursModel": "offhours.agents.mesa_model:OffhoursModel",
    "Trader": "offhours.agents.mesa_model:Trader",
}

__all__ = [
    "Mistake",
    "OffhoursModel",
    "Run",
    "Scenario",
    "Simulation",
    "Trader",
    "calculator",
    "read_scenario",
    "scenario",
    "scenarios",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'offhours' has no attribute {name!r}; it has {', '.join(sorted(_WHERE))}")
    module, _, attribute = _WHERE[name].partition(":")
    found = import_module(module)
    value: object = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
