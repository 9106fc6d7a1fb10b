"""What the commands share: options, mistakes as one sentence, and which words of a command line are none of it."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from typer.core import TyperGroup

MISTAKE, INTERRUPTED = 2, 130

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")
Guard = Callable[[Callable[..., Any]], Callable[..., Any]]
"""What :func:`guarded` is: a command in, the same with its mistakes as sentences out."""


def refused(sentence: str, code: int = MISTAKE) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(code)


def guarded(command: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A command whose mistakes are one sentence."""

    @functools.wraps(command)
    def guarded(*arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            raise refused("interrupted; nothing was written", INTERRUPTED) from None
        except Exception as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            raise refused(sentence) from None

    return guarded


def _sentence(error: Exception) -> str | None:
    """What a person is told of a mistake of his; None for a mistake of the program."""
    from offhours.sim.hours import HoursError
    from offhours.sim.mistake import Mistake
    from offhours.sim.units import UnitError

    if isinstance(error, (Mistake, UnitError, HoursError)):
        return str(error)
    from offhours.experiments.advance import MarketFull

    return str(error) if isinstance(error, MarketFull) else None


# Options that several commands have ----------------------------------------------------------------------------------

Name = Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="a scenario's name, or a TOML file")]
Seed = Annotated[str, typer.Option("--seed", metavar="N", help="the run's luck, a whole number")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KNOB=VALUE", help="change a knob; may be given again and again")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="where run folders go [default: runs]")]
Json = Annotated[bool, typer.Option("--json", help="print the summary as one JSON object")]
Allow = Annotated[
    bool,
    typer.Option("--allow-policies", help="let policies of one's own run, like my_policy.py:fair; they are programs"),
]


def changes_of(pairs: list[str] | None) -> dict[str, str]:
    from offhours.sim.mistake import Mistake

    found = {}
    for pair in pairs or ():
        knob, equals, value = pair.partition("=")
        if not equals or not knob.strip():
            raise Mistake("--set", "", pair, f"'{pair}' is not written like perp.margin.leverage_max=10")
        found[knob.strip()] = value.strip()
    return found


def whole(option: str, text: str, low: int, high: int, meaning: str) -> int:
    """A whole number given to an option."""
    from offhours.sim.mistake import Mistake

    digits = text.strip()
    if not digits.isdecimal() or not low <= int(digits) <= high:
        raise Mistake(option, "", text, f"'{text}' is not a whole number from {low:,} to {high:,} ({meaning})")
    return int(digits)


def seed_of(text: str) -> int:
    return whole("--seed", text, 0, (1 << 62) - 1, "the run's luck")


def luck_of(seed: str, seeds: str) -> range:
    """The seeds of a comparison."""
    first = seed_of(seed)
    return range(first, first + whole("--seeds", seeds, 1, 100_000, "how many seeds, from --seed on"))


def listed(option: str, text: str | None) -> list[str]:
    """What an option names, separated by commas."""
    from offhours.sim.mistake import Mistake

    if text is None:
        return []
    names = [name.strip().strip("\"'").strip() for name in text.split(",")]
    if not all(names):
        raise Mistake(option, "", text, f"'{text}' is not a list like A,B,C: a name is empty")
    return names


# A command line that is none -------------------------------------------------------------------------------------------

UsageError: type[Any] = typer.BadParameter.__bases__[0]
"""What typer raises for words that are no command, argument or option."""


class Commands(TyperGroup):
    """Commands that answer words they do not know with one sentence on stderr and exit code 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the words name."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except UsageError as error:
            if not standalone_mode:
                raise
            typer.echo(usage(error), err=True)
            sys.exit(MISTAKE)
        except typer.Abort:
            sys.exit(INTERRUPTED)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        """The command that the first word names."""
        from offhours.sim.mistake import nearest

        names = self.list_commands(context)
        if words and not words[0].startswith("-") and words[0] not in names:
            near = nearest(words[0], names)
            context.fail(f"there is no command '{words[0]}'{near or '; there are ' + ', '.join(names)}")
        return super().resolve_command(context, words)


def usage(error: Any) -> str:
    """What is wrong with a command line, in one sentence."""
    from offhours.sim.mistake import nearest

    context, named = error.ctx, list[str]()
    while context is not None and context.parent is not None:
        named.insert(0, str(context.info_name))
        context = context.parent
    who = " ".join(["offhours", *named])
    message = " ".join(error.format_message().split()).rstrip(".")
    option, missing = getattr(error, "option_name", None), getattr(error, "param", None)
    if option is not None and error.ctx is None:
        return f"{who}: {option} takes {'no value' if 'not take' in message else 'a value'}"
    if option is not None:
        known = [word.lstrip("-") for item in error.ctx.command.params for word in item.opts if word.startswith("--")]
        near = nearest(option.lstrip("-"), [*known, "help"]).replace("mean ", "mean --")
        return f"{who}: there is no option '{option}'{near or f'; `{who} --help` lists them'}"
    if missing is not None and "Missing" in message:
        return f"{who}: {_meant(missing)} is missing; `{who} --help` says more"
    beyond = re.search(r"unexpected extra argument(?:s|\(s\))? \((.*)\)$", message)
    if beyond:
        return f"{who}: '{beyond[1]}' is too much here; a value with spaces stands between quotes"
    return f"{who}: {message}"


def _meant(item: Any) -> str:
    """An argument or an option with what it means: "--from VENUE (the rulebook to begin with)"."""
    metavar = str(item.metavar or item.name.upper())
    name = f"{item.opts[0]} {metavar}" if item.param_type_name == "option" else metavar
    return name + (f" ({item.help.split(';')[0]})" if getattr(item, "help", None) else "")
