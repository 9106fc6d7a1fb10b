"""Whom retail follows, and how leaning spreads."""

from __future__ import annotations

import numpy as np
import pytest

from offhours.agents import followers
from plain import peopled as p

COUNT = 3_000


@pytest.fixture(scope="module")
def sim() -> object:
    return p.people(p.alone(p.scenario(p.TUESDAY, p.MAKERS, p.RETAIL), "tourists", COUNT))


def followed(sim: object, group: int = 1) -> np.ndarray:
    first = int(sim.blocks[1][p.desk.groups]["first"][group])
    rows = sim.blocks[1][followers.follows]["row"][first * followers.FOLLOWED : (first + COUNT) * followers.FOLLOWED]
    return np.where(rows == followers.NOBODY, -1, rows - first).reshape(COUNT, followers.FOLLOWED)


def test_one_follows_others_of_ones_own_group(sim: object) -> None:
    rows = followed(sim)
    assert rows.max() < COUNT
    assert not (rows == np.arange(COUNT)[:, None]).any(), "nobody follows himself"
    assert (rows == -1).mean() < 5 / COUNT


def test_few_are_followed_by_many(sim: object) -> None:
    """A member of rank x (share) is followed with density 1 / (2 sqrt x): the first hundredth has a tenth of all."""
    counts = np.bincount(followed(sim)[followed(sim) >= 0], minlength=COUNT)
    total = counts.sum()
    for share in (0.01, 0.1, 0.25, 0.5):
        expected = share**0.5
        sd = (expected * (1 - expected) / total) ** 0.5
        assert counts[: int(share * COUNT)].sum() / total == pytest.approx(expected, abs=4 * sd + 1 / COUNT**0.5 / 50)
    assert counts.max() > 25 * counts.mean() / 2


def test_leaning_is_the_mean_side_of_those_one_follows(sim: object) -> None:
    twin = sim.fork()
    crowd, first = twin.blocks[1].handle, int(twin.blocks[1][p.desk.groups]["first"][1])
    rows = followed(twin)
    sides = np.resize([1, 1, -1, 0, 1], COUNT)
    for member in range(COUNT):
        followers.lean_to(crowd, first + member, int(sides[member]))
    for member in (0, 5, 17, 2_999):
        expected = sum(sides[other] for other in rows[member] if other >= 0) / followers.FOLLOWED
        assert followers.crowd_lean(crowd, first + member) == expected
    assert followers.crowd_lean(crowd, 0) == 0.0, "a maker follows nobody who leans"


def test_networkx_receives_the_same_graph(sim: object) -> None:
    first = int(sim.blocks[1][p.desk.groups]["first"][1])
    graph = followers.graph(sim.blocks[1], first, COUNT)
    rows = followed(sim)
    assert graph.number_of_nodes() == COUNT
    assert set(graph.edges) == {(member, int(other)) for member in range(COUNT) for other in rows[member] if other >= 0}
