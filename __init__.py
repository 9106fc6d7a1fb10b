"""offhours: markets that never close on assets whose own market sleeps.

>>> import offhours as oh
>>> run = oh.scenario("weekend-gap").run(seed=7)

The public names are below. Each is imported when it is first used, so that ``import offhours`` costs nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_WHERE = {
    "calculator": "offhours.sim.calculator",
    "scenario": "offhours.experiments.scenario:scenario",
    "Simulation": "offhours.sim.simulation:Simulation",
}

__all__ = ["Simulation", "calculator", "scenario"]


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
