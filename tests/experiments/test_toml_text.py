"""A document written as TOML is read again as it was."""

from __future__ import annotations

from offhours.experiments.toml_text import write_toml
from offhours.sim.given import read_toml


def test_toml_is_written_as_it_is_read() -> None:
    document = {
        "a": 'quotes " and \\ and\nlines', "flag": True, "n": 3, "list": ["x", "y"],
        "deep": {"er": {"k": {"value": "1 %", "source": "s"}}}, "rows": [{"a b": "1", "law": {"law": "x"}}, {"c": "2"}],
    }  # fmt: skip
    assert read_toml(write_toml(document), "x") == document
