"""Members of a group differ by luck only, and growing one group moves no other."""

from __future__ import annotations

import numpy as np
import pytest

from .asked import build


def test_members_are_drawn_from_their_groups_laws() -> None:
    tourists = build().group("tourists")
    drawn = tourists.draw(seed=7)
    assert set(drawn) == {"leverage_milli", "patience_us", "taste"}
    assert set(drawn["leverage_milli"]) == {20_000} and set(drawn["patience_us"]) == {3_600_000_000}
    assert len(set(drawn["taste"])) == 200
    usd = tourists.endow(7, {"TSLAx": 400_000_000, "SPYx": 600_000_000}).usd_uusd
    assert usd.max() / usd.sum() == pytest.approx(0.15, abs=1e-6)


def test_an_endowment_is_in_shares_or_in_dollars_worth() -> None:
    has = build().group("funds").endow(7, {"TSLAx": 400_000_000, "SPYx": 600_000_000})
    assert has.usd_uusd.tolist() == [10**12] * 5
    assert has.tokens_ushares.tolist() == [[100_000_000, 0]] * 5
    assert has.shares_ushares[0].tolist() == [125_000_000, 83_333_333]


def test_growing_one_group_leaves_all_others_draws_unchanged() -> None:
    few, many = build(), build(**{"group.funds.count": "50"})
    before, after = few.group("tourists").draw(7), many.group("tourists").draw(7)
    assert all(np.array_equal(before[column], after[column]) for column in before)


def test_whoever_spoke_before_the_class_was_chosen_is_limited_not_refused() -> None:
    assert build(**{"perp.margin.class": "E"}).group("tourists").draw(7)["leverage_milli"][0] == 20_000
