"""``offhours calc``: a venue's formula asked for a number on the command line."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from offhours.experiments.command import Guard


def add(app: typer.Typer, guarded: Guard) -> None:
    """Add the command to the others."""
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("calc", context_settings=passed_on)(guarded(calc_command))


def calc_command(
    context: typer.Context,
    question: Annotated[
        str | None, typer.Argument(help="what is asked, like liquidation-price; without it, all questions")
    ] = None,
    venue: Annotated[
        str | None, typer.Option("--venue", help="a venue, or the path of a rulebook of one's own; 'all' for each form")
    ] = None,
    ticker: Annotated[str, typer.Option("--ticker", help="whose values are taken from the rulebook")] = "TSLAx",
    steps: Annotated[bool, typer.Option("--steps", help="print each formula with the numbers put in")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    allow_python: Annotated[
        bool, typer.Option("--allow-python", help="let --venue my_policy.py:fair run, for adl-allocation")
    ] = False,
) -> None:
    """Ask a venue's formula for a number.

    Like: offhours calc liquidation-price --venue kraken --side long --entry 250 --leverage 10x --steps

    Inputs follow as --name value, in units as people write them ("0.25 %", "8h", "$10,000"). Without inputs, the question's
    forms and what each asks for are listed.
    """
    from offhours.sim.calculator import QUESTIONS, ask

    if question is None:
        _print_questions(as_json)
        return
    given = _given(context.args)
    asked = question.replace("_", "-")
    if asked in QUESTIONS and not given and (venue is None or venue == "all"):
        _print_forms(asked, as_json)
        return
    if asked in QUESTIONS and venue == "all":
        _print_all(asked, ticker, given, steps, as_json)
        return
    if asked == "adl-allocation" and venue is not None and ".py" in venue:
        _print_own_policy(venue, given, allow_python, as_json)
        return
    answer = ask(question, venue, ticker=ticker, **given)
    if as_json:
        typer.echo(json.dumps(answer.to_json(), indent=2))
    elif steps:
        typer.echo("\n".join(answer.lines()))
    else:
        typer.echo(answer.text)


def _given(words: list[str]) -> dict[str, Any]:
    """The inputs behind a question: --name value, --name=value or name=value."""
    from offhours.sim.mistake import Mistake, nearest

    found: dict[str, Any] = {}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        name, equals, value = word.partition("=")
        if not name.startswith("--") and not equals:
            raise Mistake("calc", "", word, f"'{word}' is not written like --entry 250")
        if not equals:
            if at == len(words):
                near = nearest(word, ("--venue", "--ticker", "--steps", "--json", "--allow-python"))
                raise Mistake("calc", "", word, f"'{word}' has no value behind it{near}")
            value = words[at]
            at += 1
        key = name.removeprefix("--").replace("-", "_")
        if key in ("question", "venue", "ticker"):
            raise Mistake("calc", "", word, f"write '--{key} {value}'")
        if key in found:
            raise Mistake("calc", "", word, f"'{name}' is given twice")
        found[key] = value
    return found


def _print_questions(as_json: bool) -> None:
    from offhours.sim.calculator import FORMS, QUESTIONS

    if as_json:
        rows = {name: {"asks": sentence, "forms": list(FORMS[name])} for name, sentence in QUESTIONS.items()}
        typer.echo(json.dumps(rows, indent=2))
        return
    for name, sentence in QUESTIONS.items():
        typer.echo(f"{name}: {sentence}\n  {', '.join(FORMS[name])}")


def _print_forms(question: str, as_json: bool) -> None:
    from offhours.sim.calculator import FORMS, MEANINGS, QUESTIONS

    if as_json:
        rows = {
            form.name: {
                "source": form.source,
                "inputs": {i.name: {"kind": i.kind, "default": i.default, "means": MEANINGS[i.name]} for i in form.inputs},
                "formulas": {step.name: step.formula for step in form.steps},
            }
            for form in FORMS[question].values()
        }  # fmt: skip
        typer.echo(json.dumps(rows, indent=2))
        return
    typer.echo(f"{question}: {QUESTIONS[question]}")
    for form in FORMS[question].values():
        typer.echo(f"\n{form.name} ({form.source})")
        width = max(len(item.name) for item in form.inputs)
        for item in form.inputs:
            from_book = " or the rulebook's" if item.knob else ""
            default = f" [{item.default}{from_book}]" if item.default else " [the rulebook's]" if item.knob else ""
            typer.echo(f"  --{item.name.replace('_', '-'):<{width}}  {MEANINGS[item.name]}{default}")
        typer.echo(f"  {form.steps[-1].name} = {form.steps[-1].formula}")


def _print_own_policy(text: str, given: dict[str, Any], allowed: bool, as_json: bool) -> None:
    """What a policy of one's own takes of each; it is asked as the built-in ones are."""
    from offhours.sim.calculator import ask
    from offhours.sim.mistake import Mistake, nearest
    from offhours.sim.policies import Candidates
    from offhours.sim.programs import TIME_LIMIT_S, checked, load

    columns = {
        "scores": "score",
        "profits": "profit",
        "leverages": "notional",
        "equities": "equity",
        "hedged": "offset",
    }
    plain = ask("adl-allocation", "unranked", **{k: v for k, v in given.items() if k not in columns})
    numbers: dict[str, list[float]] = {}
    for name, value in given.items():
        if name in columns:
            parts = str(value).split(",")
            try:
                numbers[columns[name]] = [float(part.strip().removesuffix("x")) for part in parts]
            except ValueError:
                raise Mistake("calc", name, "", f"'{value}' is not a list of numbers") from None
            if len(parts) != len(plain["rooms"]):
                raise Mistake("calc", name, "", f"there are {len(plain['rooms'])} rooms and {len(parts)} of these")
        elif name not in ("budget", "rooms"):
            raise Mistake("calc", name, "", f"a policy is not asked for this{nearest(name, columns)}")
    candidates = Candidates.of([float(room) for room in plain["rooms"]], **numbers)
    policy = load(text, allowed=allowed)
    taken = checked(policy, candidates, float(plain["budget"]), name=text, seconds=TIME_LIMIT_S).tolist()
    typer.echo(
        json.dumps({"policy": text, "reductions": taken}) if as_json else ", ".join(f"{part:g}" for part in taken)
    )


def _print_all(question: str, ticker: str, given: dict[str, Any], steps: bool, as_json: bool) -> None:
    """One line for each form that these inputs are enough for; what a form has no use for is left out."""
    from offhours.sim.calculator import FORMS, ask
    from offhours.sim.mistake import Mistake, nearest

    asked = {item.name for form in FORMS[question].values() for item in form.inputs}
    for name in given:
        if name not in asked:
            raise Mistake(f"calc {question}", "", name, f"no form asks for '{name}'{nearest(name, asked)}")
    answers = {}
    for name, form in FORMS[question].items():
        known = {item.name for item in form.inputs}
        try:
            answers[name] = ask(question, name, ticker=ticker, **{k: v for k, v in given.items() if k in known})
        except Mistake:
            continue
    if not answers:
        raise Mistake(f"calc {question}", "", "", "these inputs are not enough for any form")
    if as_json:
        typer.echo(json.dumps({name: answer.to_json() for name, answer in answers.items()}, indent=2))
        return
    if steps:
        typer.echo("\n\n".join("\n".join(answer.lines()) for answer in answers.values()))
        return
    width = max(map(len, answers))
    for name, answer in answers.items():
        typer.echo(f"{name:<{width}}  {answer.text}")
