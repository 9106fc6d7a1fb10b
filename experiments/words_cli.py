"""``offhours schema`` and ``offhours glossary``: what columns and words mean."""

from __future__ import annotations

from typing import Annotated

import typer

from offhours.experiments.command import Guard


def add(app: typer.Typer, guarded: Guard) -> None:
    """Add the commands to the others."""
    for name, command in (("schema", schema_command), ("glossary", glossary_command)):
        app.command(name)(guarded(command))


def schema_command(table: Annotated[str | None, typer.Argument(help="one table")] = None) -> None:
    """Say what a run's tables and columns mean."""
    from offhours.experiments.tables import SENTENCES, names, schema
    from offhours.sim.mistake import Mistake, nearest

    if table is None:
        for name in names():
            typer.echo(f"{name}: {SENTENCES[name]}")
        return
    if table not in names():
        raise Mistake("schema", "", table, f"there is no table '{table}'; there are {', '.join(names())}{nearest(table, names())}")  # fmt: skip
    rows = schema(table)
    width, unit_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    typer.echo(SENTENCES[table])
    for name, unit, meaning in rows:
        typer.echo(f"  {name:<{width}}  {unit:<{unit_width}}  {meaning}")


def glossary_command(word: Annotated[str | None, typer.Argument(help="one word")] = None) -> None:
    """Say what a word of the trade means here."""
    import importlib.resources
    import tomllib

    from offhours.sim.mistake import Mistake, nearest

    text = importlib.resources.files("offhours.experiments").joinpath("glossary.toml").read_text("utf-8")
    words: dict[str, str] = tomllib.loads(text)
    if word is None:
        for name in words:
            typer.echo(f"{name}: {words[name]}")
        return
    found = [name for name in words if name.lower() == word.lower()] or [n for n in words if word.lower() in n.lower()]
    if not found:
        raise Mistake("glossary", "", word, f"there is no '{word}'{nearest(word, words)}")
    for name in found:
        typer.echo(f"{name}: {words[name]}")
