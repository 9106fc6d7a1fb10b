"""Knobs that are names, not numbers: a margin class, the stages of a liquidation, policies.

They are columns of no rules table; what each names fills a table of its own (LIQ-1, ADL-8, FUND-14).
"""

from __future__ import annotations

from collections.abc import Mapping

from offhours.sim.declare import Knob
from offhours.sim.given import Given
from offhours.sim.market import deleverage, waterfall
from offhours.sim.mistake import Mistake, nearest

CLASS = "perp.margin.class"
CLASS_KNOB = Knob(
    "flat",
    "class",
    "",
    "",
    "the table of margin tiers, by name",
    basis="chosen: a venue names its own; without one, a single tier of 20x; neither half nor twice applies to a name",
)
"""A knob that is a name, not a number, and so a column of no table: what it names fills the tier table."""

STAGES = "perp.liquidation.stages"
STAGES_KNOB = Knob(
    "partial step, full at zero equity, backstop vault",
    "stages",
    "",
    "",
    "the stages of a liquidation in their order, by name",
    basis="chosen: a venue names its own; without one, the shortest that leaves nothing open and costs no trader anything; neither half nor twice applies to a list",
)
"""A knob that is a list of names: what it names fills the table of the venue's stages."""

POLICY = "perp.adl.policy"
POLICY_KNOB = Knob(
    "form",
    "policy",
    "",
    "",
    f"who is cut, and by how much: `form`, as perp.adl.form says, or one of {', '.join(deleverage.POLICIES)}, or a function of one's own like my_policy.py:fair, which --allow-policies lets run",
    basis="rule: documents of Kraken, Binance and BitMEX, as of 2026, rank, which `form` says; the others are those of Chitra, arXiv 2512.01112",
)
"""A knob that names a policy of auto-deleveraging: one of the market's own forms, one that is asked, or somebody's file."""

FUNDING_POLICY = "perp.funding.policy"
FUNDING_POLICY_KNOB = Knob(
    "form",
    "policy",
    "",
    "",
    "who makes the rate: `form`, as the other knobs of funding say, or a function of one's own like my_rule.py:rate, which --allow-policies lets run",
    basis="rule: Kraken funding, read 2026-04-29, and each other venue's own formula, which `form` and its companions say",
)
"""A knob that names a funding rule of somebody's own."""

NAMES = {CLASS: CLASS_KNOB, STAGES: STAGES_KNOB, POLICY: POLICY_KNOB, FUNDING_POLICY: FUNDING_POLICY_KNOB}
"""Knobs that are names, not numbers: columns of no rules table."""

BY_FORM = "form"
FORMS_OF: Mapping[str, Mapping[str, str]] = {
    "queue": {"perp.adl.form": "queue"},
    "unranked": {"perp.adl.form": "queue", "perp.adl.score": "draw"},
    "wealth pro rata": {"perp.adl.form": "pro rata"},
}
"""Policies that the market decides by itself, and how it is told."""

ALSO_CALLED = {"ranked queue": "queue", "pro rata": "wealth pro rata", "min max fair": "min-max fair"}


def own_program(text: str, knob: str, file: str) -> tuple[str, str]:
    """File and function of "my_policy.py:fair"; :class:`Mistake` where it is not written like that."""
    path, _, function = text.rpartition(":")
    if not path.endswith(".py") or not function.isidentifier():
        raise Mistake(file, knob, text, f"'{text}' is not written like my_policy.py:fair")
    return path, function


def read_policy(knob: str, given: Given) -> str:
    """The name of a policy as the rulebook has it ("risk-aware"), or a program as it was written; :class:`Mistake`."""
    text, file = given.text.strip(), given.origin.file
    if ".py" in text or ":" in text:
        own_program(text, knob, file)
        return text
    known = (BY_FORM, *(deleverage.POLICIES if knob == POLICY else ()))
    words = {name.replace("-", " "): name for name in known}
    if knob == POLICY:
        words |= {name.replace("-", " "): called for name, called in ALSO_CALLED.items()}
    found: str | None = words.get(text.lower().replace("-", " "))
    if found is None:
        allowed = f"there is no policy '{text}'{nearest(text, known)}; there are {', '.join(known)}, or a function of one's own like my_policy.py:fair"
        raise Mistake(file, knob, text, allowed)
    return found


def is_own(policy: str) -> bool:
    """Whether a policy's name is that of somebody's program."""
    return ":" in policy


def read_stages(given: Given) -> tuple[int, ...]:
    """The codes of a list of stages ("partial step, auto-deleverage"); :class:`Mistake` where no venue could have it."""
    file, stages = given.origin.file, []
    for word in filter(None, (part.strip() for part in given.text.split(","))):
        if word not in waterfall.STAGES[1:]:
            known = waterfall.STAGES[1:]
            raise Mistake(file, STAGES, word, f"there is no stage '{word}'{nearest(word, known)}; there are {', '.join(known)}")  # fmt: skip
        stages.append(waterfall.STAGES.index(word))
    wrong = waterfall.fault(tuple(stages))
    if wrong:
        raise Mistake(file, STAGES, given.text, wrong, STAGES_KNOB.meaning)
    return tuple(stages)
