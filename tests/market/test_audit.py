"""The audit finds what is broken, and names the law and the room (AUD-1 to AUD-11)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhours.sim.market import (
    accounts,
    attention,
    book,
    deleverage,
    liquidation,
    orders,
    positions,
    providers,
    waterfall,
)
from plain.market import ANN, BOB, BUY, CAT, NO_FEES, SELL, Simulation, go, jump, market, perp, token


def busy() -> Simulation:
    """Trades, resting orders on both books, a stop and a takeover."""
    sim = market(dollars=1_000, shares_of_tokens=5, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 300)
    perp(sim, BOB, SELL, 10_000, 200)
    perp(sim, CAT, SELL, 10_050, 70)
    perp(sim, CAT, SELL, 10_050, 30)
    token(sim, ANN, BUY, 9_950, 500)
    token(sim, BOB, SELL, 10_050, 700)
    go(sim, 60)
    jump(sim, 101.0)
    return sim


def change(accessor: object, column: str, row: int, by: int) -> Callable[[Simulation], None]:
    """A table is written behind the rooms' backs."""

    def apply(sim: Simulation) -> None:
        sim.memory[accessor][column][row] += by  # type: ignore[index]

    return apply


def overdraw(house: int) -> Callable[[Simulation], None]:
    """A house pays what it does not have."""

    def apply(sim: Simulation) -> None:
        accounts.transfer(sim.world, accounts.USD, house, ANN, 10**15, accounts.SHORTFALL)

    return apply


def stuck(sim: Simulation) -> None:
    """A case stands at a stage that is not in the venue's list."""
    sim.memory[liquidation.cases]["place"][ANN] = 1
    sim.memory[liquidation.cases]["stage"][ANN] = waterfall.ASSIGNED


def dear_offer(sim: Simulation) -> None:
    """An offer asks for more than the venue allows."""
    providers.offer(sim.world, CAT, 0, 10_000_000, 1_000_000)
    sim.memory[providers.offers]["edge_ppb"][CAT] = 30_000_000


def cross(sim: Simulation) -> None:
    """The best bid is written above the best ask."""
    sim.memory[book.books]["best_bid"][0] = 10_060


def bits_lost(sim: Simulation) -> None:
    """A level is forgotten by the bitmap."""
    words = sim.memory[book.bits]["word"]
    words[int(words[: book.BITS_PER_BOOK].nonzero()[0][0])] = 0


def tokens_owed(sim: Simulation) -> None:
    """Somebody sold what he did not hold."""
    accounts.transfer(sim.world, accounts.token_asset(0), BOB, ANN, 9_000_000, accounts.TOKEN_TRADE)


def shares_owed(sim: Simulation) -> None:
    """Somebody is short of shares at the broker."""
    accounts.transfer(sim.world, accounts.share_asset(0), BOB, ANN, 1, accounts.STOCK_TRADE)


WIDTH = 4
BREAKS: list[tuple[str, str, str, Callable[[Simulation], None]]] = [
    ("AUD-1", "accounts", "asset 1 sums", change(accounts.balances, "amount", ANN * WIDTH + 1, 1)),
    ("AUD-1", "accounts", "asset 3 sums", change(accounts.balances, "amount", ANN * WIDTH + 3, 1)),
    ("AUD-2", "positions", "positions sum to 1", change(positions.positions, "size_lots", ANN, 1)),
    ("AUD-2", "positions", "open cost and realised", change(positions.positions, "cost_uusd", ANN, 1)),
    ("AUD-2", "positions", "open interest is not", change(positions.interests, "long_lots", 0, 1)),
    ("AUD-3", "issuer", "tokens outstanding", change(accounts.balances, "amount", accounts.CUSTODIAN * WIDTH + 3, 1)),
    ("AUD-3", "accounts", "owe tokens", tokens_owed),
    ("AUD-3", "accounts", "owes shares", shares_owed),
    ("AUD-4", "book", "is crossed", cross),
    ("AUD-4", "book", "the bitmap disagrees", bits_lost),
    ("AUD-4", "book", "resting sums are wrong", change(book.books, "ask_lots", 0, 1)),
    ("AUD-4", "orders", "open-order sums of row", change(orders.open_orders, "sell_value", CAT * 2, 1)),
    ("AUD-4", "orders", "count of live orders", change(orders.pools, "live", 0, 1)),
    ("AUD-4", "orders", "hangs at the wrong level", change(orders.orders, "price_ticks", 1, 1)),
    ("AUD-5", "matching", ", asset 0: reserved", change(accounts.balances, "reserved", ANN * WIDTH, 1)),
    ("AUD-5", "matching", ", asset 2: reserved", change(accounts.balances, "reserved", BOB * WIDTH + 2, -1)),
    ("AUD-6", "waterfall", "shortfall is not", change(waterfall.payers, "paid_uusd", waterfall.VAULT, 1)),
    ("AUD-9", "waterfall", "liquidity pool is overdrawn", overdraw(accounts.POOL)),
    ("AUD-9", "waterfall", "insurance fund is overdrawn", overdraw(accounts.INSURANCE)),
    ("AUD-9", "waterfall", "what nobody paid", overdraw(accounts.NOBODY)),
    ("AUD-10", "liquidation", "stage that the venue has not", stuck),
    ("AUD-10", "deleverage", "somebody still waits", change(deleverage.waiting, "account", 0, 1)),
    ("AUD-11", "providers", "not the standing offers", change(providers.offers, "registered", ANN, 1)),
    ("AUD-11", "providers", "out of bounds", dear_offer),
    (
        "AUD-7",
        "accounts",
        "flows do not explain",
        change(accounts.flows, "amount", accounts.HOUSES * accounts.FLOWS, 1),
    ),
    ("AUD-7", "margin", "listed twice", change(attention.watches, "dirty", ANN, 2)),
]


def test_a_busy_market_is_clean() -> None:
    """AUD-1 to AUD-11."""
    sim = busy()
    assert sim.audit() == []
    assert sim.conservation_error() == 0


@pytest.mark.parametrize(("law", "room", "finding", "harm"), BREAKS)
def test_each_law_is_seen_broken(law: str, room: str, finding: str, harm: Callable[[Simulation], None]) -> None:
    """AUD-1, AUD-2, AUD-3, AUD-4, AUD-5, AUD-6, AUD-7, AUD-8, AUD-9, AUD-10, AUD-11: one number is changed, and the audit says where to look."""
    sim = busy()
    harm(sim)
    assert any((b.law, b.room) == (law, room) and finding in b.finding for b in sim.audit())


def test_an_offer_in_the_list_of_another_ticker_is_found() -> None:
    """AUD-11: an offer of the second ticker hangs in the list of the first."""
    sim = market(tickers=2, dollars=1_000)
    providers.offer(sim.world, ANN, 1, 10_000_000, 1_000_000)
    heads = sim.memory[providers.offer_lists]["head"]
    heads[0], heads[1] = heads[1], 0
    assert ["another ticker" in b.finding for b in sim.audit()] == [True]


def test_the_conservation_error_is_an_integer_that_counts_what_was_made() -> None:
    """AUD-1, LEDGER-1: a micro-dollar too many and two tokens' millionths too few are three."""
    sim = busy()
    sim.memory[accounts.balances]["amount"][ANN * WIDTH] += 1
    sim.memory[accounts.balances]["amount"][ANN * WIDTH + 2] -= 2
    assert sim.conservation_error() == 3
