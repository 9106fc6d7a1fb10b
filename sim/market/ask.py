"""Asking: a rare decision leaves the market, is taken by a function of plain arrays, and comes back.

ASK-1  Who is asked for an allocation of auto-deleveraging, and for each ticker's rate of funding, is a number in the rules; 0 is
       nobody, and the market decides by its own forms.
ASK-2  One question is open at a time. The market stands still until it is answered; what is saved or copied meanwhile waits for
       the same answer.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table

NONE, OPEN, ANSWERED = 0, 1, 2
ALLOCATION = 0
"""Row of who allots; the row after it is of the first ticker's rate."""


class Asked:
    """Row ALLOCATION, then one row a ticker: who is asked."""

    policy: A[int, Column("i8", "code", "0: nobody; else the number of who is asked")]


class Question:
    """One row: what is asked now."""

    state: A[int, Column("i8", "code", "NONE, OPEN or ANSWERED")]
    row: A[int, Column("i8", "row", "row of who is asked")]


asked = table(Asked)
questions = table(Question)


@kernel
def rate_of(ticker: int) -> int:
    """Row of who is asked for a ticker's rate."""
    return 1 + ticker


@kernel
def asks(world: World, row: int) -> int:
    """1 where somebody is to be asked."""
    return 1 if asked(world)[row].policy != 0 else 0


@kernel
def ask(world: World, row: int) -> None:
    """Open a question (ASK-2)."""
    q = questions(world)[0]
    assert q.state == NONE, "one question at a time"
    q.state = OPEN
    q.row = row


@kernel
def is_open(world: World) -> int:
    """1 while an answer is missing."""
    return 1 if questions(world)[0].state == OPEN else 0


@kernel
def is_answered(world: World, row: int) -> int:
    """1 where this question has its answer."""
    q = questions(world)[0]
    return 1 if q.state == ANSWERED and q.row == row else 0


@kernel
def close(world: World) -> None:
    """The answer was taken."""
    questions(world)[0].state = NONE
