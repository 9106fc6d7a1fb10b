"""Who follows whom: a graph drawn with the population, by which leaning spreads.

Each member of a group follows a few others of the same group. Few are followed by many: the one followed is drawn with a
density that rises towards the first members of a random order, so in-degrees have a heavy tail (the in-degree exponent of
preferential attachment, Barabasi and Albert, Science 286, 1999, is reached with a power of one half). All draws are by
(seed, group, member): they come from `chance`, and networkx receives the graph only to be looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offhours.sim.chance import GRAPH, uniform
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Memory, World, table

if TYPE_CHECKING:
    import networkx

FOLLOWED = 4
"""How many others each member follows."""
NOBODY = -1


class Follow:
    """FOLLOWED rows per retail row: whose leaning he sees."""

    row: A[int, Column("i8", "row", "row of the follow table's owner list, or NOBODY")]


class Lean:
    """One row per agent of any population: on which side he was last seen."""

    side: A[int, Column("i8", "side", "+1 long, -1 short, 0 flat")]


follows = table(Follow)
leans = table(Lean)


@kernel
def begin(crowd: World, seed: int, first: int, count: int, who_first: int) -> None:
    """Draw whom the members of a group follow; `first` is its first agent row, `who_first` a key of the group."""
    for member in range(count):
        for slot in range(FOLLOWED):
            u = uniform(seed, GRAPH, who_first, member * FOLLOWED + slot)
            other = int(u * u * count)
            follows(crowd)[(first + member) * FOLLOWED + slot].row = NOBODY if other == member else first + other


@kernel
def lean_to(crowd: World, agent: int, side: int) -> None:
    """Show one's side to those who follow."""
    leans(crowd)[agent].side = side


@kernel
def crowd_lean(crowd: World, agent: int) -> float:
    """Mean side of those an agent follows, between -1 and 1."""
    total = 0
    for slot in range(FOLLOWED):
        other = follows(crowd)[agent * FOLLOWED + slot].row
        if other != NOBODY:
            total += leans(crowd)[other].side
    return total / FOLLOWED


def graph(memory: Memory, first: int, count: int) -> networkx.DiGraph[Any]:
    """The follower graph of a group, an edge from follower to followed, nodes numbered within the group."""
    import networkx

    found: networkx.DiGraph[Any] = networkx.DiGraph()
    found.add_nodes_from(range(count))
    rows = memory[follows]["row"][first * FOLLOWED : (first + count) * FOLLOWED]
    for place, other in enumerate(rows.tolist()):
        if other != NOBODY:
            found.add_edge(place // FOLLOWED, other - first)
    return found
