"""The audit: every law of the ledger and of the books, checked on the tables as they stand, with the room that broke it.

AUD-1  Each asset sums to zero over all accounts.
AUD-2  Open longs equal open shorts; open cost equals realised results in sum.
AUD-3  Tokens outstanding equal shares in custody; nobody but the issuer owes tokens, nobody at all owes shares.
AUD-4  Books do not cross; levels, bitmaps, queues, pools and owners' lists agree with one another.
AUD-5  What is reserved is what resting spot orders would deliver.
AUD-6  Shortfall equals what its payers paid plus what nobody paid, exactly.
AUD-7  Flows of dollars explain every group's dollars.
AUD-8  What all accounts owe the lender is what it has lent; tokens lent and tokens left are its stock.
AUD-9  Pool and insurance fund never overdraw; nobody owes exactly what nobody paid.
AUD-10 An open case stands at a stage of the venue's list, and nobody waits to be deleveraged between two seconds.
AUD-11 A standing offer has room and an edge within the venue's bounds, and is in its ticker's list once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from offhours.sim.declare import Memory
from offhours.sim.market import (
    accounts,
    attention,
    book,
    clock,
    collateral,
    deleverage,
    fees,
    lending,
    liquidation,
    orders,
    positions,
    providers,
    waterfall,
)
from offhours.sim.market.money import PPB


class Breach(NamedTuple):
    """A law that does not hold: its code, the room to look in, and what was found."""

    law: str
    room: str
    finding: str


def audit(memory: Memory) -> list[Breach]:
    """All breaches of the laws; an empty list is a clean audit."""
    found: list[Breach] = []
    for check in (
        _assets,
        _positions,
        _custody,
        _books,
        _owners,
        _reserves,
        _shortfall,
        _flows,
        _loans,
        _houses,
        _cases,
        _offers,
    ):
        found += check(memory)
    return found


def conservation_error(memory: Memory) -> int:
    """Sum over assets of the absolute sum over accounts, in micro-units: 0 when nothing was made or lost."""
    return int(np.abs(_balances(memory).sum(axis=0)).sum())


def _balances(memory: Memory) -> np.ndarray[Any, Any]:
    c = memory[clock.clock][0]
    return memory[accounts.balances]["amount"].reshape(int(c["accounts"]), 2 + 2 * int(c["tickers"]))


def _assets(memory: Memory) -> list[Breach]:
    sums = _balances(memory).sum(axis=0)
    return [Breach("AUD-1", "accounts", f"asset {i} sums to {s} micro-units") for i, s in enumerate(sums) if s != 0]


def _positions(memory: Memory) -> list[Breach]:
    c = memory[clock.clock][0]
    rows = memory[positions.positions].reshape(int(c["accounts"]), int(c["tickers"]))
    found = []
    for ticker in range(int(c["tickers"])):
        column = rows[:, ticker]
        net = int(column["size_lots"].sum())
        if net != 0:
            found.append(Breach("AUD-2", "positions", f"ticker {ticker}: positions sum to {net} lots"))
        longs = int(column["size_lots"][column["size_lots"] > 0].sum())
        if longs != int(memory[positions.interests]["long_lots"][ticker]):
            found.append(Breach("AUD-2", "positions", f"ticker {ticker}: open interest is not the sum of longs"))
        if int(column["cost_uusd"].sum()) != int(column["realised_uusd"].sum()):
            found.append(Breach("AUD-2", "positions", f"ticker {ticker}: open cost and realised results differ"))
        if np.any((column["size_lots"] == 0) & (column["cost_uusd"] != 0)):
            found.append(Breach("AUD-2", "positions", f"ticker {ticker}: a closed position has cost"))
    return found


def _custody(memory: Memory) -> list[Breach]:
    owned = _balances(memory)
    found = []
    for ticker in range(int(memory[clock.clock][0]["tickers"])):
        tokens, shares = owned[:, 2 + 2 * ticker], owned[:, 3 + 2 * ticker]
        if -tokens[accounts.ISSUER] != shares[accounts.CUSTODIAN]:
            found.append(
                Breach("AUD-3", "issuer", f"ticker {ticker}: tokens outstanding are not the shares in custody")
            )
        owing = np.flatnonzero(tokens < 0)
        if np.any(owing != accounts.ISSUER):
            found.append(Breach("AUD-3", "accounts", f"ticker {ticker}: accounts {owing.tolist()} owe tokens"))
        allowed = {accounts.OUTSIDE, accounts.BROKER}
        if set(np.flatnonzero(shares < 0).tolist()) - allowed:
            found.append(Breach("AUD-3", "accounts", f"ticker {ticker}: an account owes shares"))
    return found


def _books(memory: Memory) -> list[Breach]:
    found = []
    resting = memory[orders.orders]
    for number, row in enumerate(memory[book.books]):
        levels = memory[book.levels][number * book.WINDOW : (number + 1) * book.WINDOW]
        occupied = np.flatnonzero(levels["head"])
        base = int(row["base_ticks"])
        name = f"book {number}"
        if row["best_bid"] >= row["best_ask"]:
            found.append(Breach("AUD-4", "book", f"{name} is crossed: {row['best_bid']} against {row['best_ask']}"))
        bids, asks = 0, 0
        best_bid, best_ask = book.NO_BID, book.NO_ASK
        for place in occupied.tolist():
            slot, total, before = int(levels["head"][place]), 0, 0
            while slot:
                order = resting[slot]
                if order["price_ticks"] != place + base or order["book"] != number or order["prev"] != before:
                    found.append(Breach("AUD-4", "orders", f"{name}: slot {slot} hangs at the wrong level"))
                total += int(order["size_lots"])
                bids, asks = (bids + int(order["size_lots"]), asks) if order["side"] > 0 else (bids, asks + int(order["size_lots"]))  # fmt: skip
                best_bid = max(best_bid, place + base) if order["side"] > 0 else best_bid
                best_ask = min(best_ask, place + base) if order["side"] < 0 else best_ask
                before, slot = slot, int(order["next"])
            if total != levels["size_lots"][place] or before != levels["tail"][place]:
                found.append(Breach("AUD-4", "book", f"{name}: level {place + base} does not sum or end as it says"))
        if (bids, asks) != (int(row["bid_lots"]), int(row["ask_lots"])):
            found.append(Breach("AUD-4", "book", f"{name}: resting sums are wrong"))
        if (best_bid, best_ask) != (int(row["best_bid"]), int(row["best_ask"])):
            found.append(Breach("AUD-4", "book", f"{name}: best prices are not those of its levels"))
        found += _bitmap(memory, number, set(occupied.tolist()))
    return found


def _bitmap(memory: Memory, number: int, occupied: set[int]) -> list[Breach]:
    words = memory[book.bits]["word"][number * book.BITS_PER_BOOK : (number + 1) * book.BITS_PER_BOOK].tolist()
    width, below = book.WINDOW // 32, occupied
    first = 0
    while width >= 1:
        seen = {
            32 * i + bit for i, word in enumerate(words[first : first + width]) for bit in range(32) if word >> bit & 1
        }
        if seen != below:
            return [Breach("AUD-4", "book", f"book {number}: the bitmap disagrees with the levels")]
        below = {place // 32 for place in below}
        first, width = first + width, width // 32
    return []


def _owners(memory: Memory) -> list[Breach]:
    found = []
    resting = memory[orders.orders]
    t = int(memory[clock.clock][0]["tickers"])
    listed = 0
    for number, mine in enumerate(memory[orders.open_orders]):
        sums = [0, 0, 0, 0]
        slot = int(mine["head"])
        while slot:
            order = resting[slot]
            listed += 1
            if int(order["account"]) * 2 * t + int(order["book"]) != number:
                found.append(Breach("AUD-4", "orders", f"slot {slot} is in the list of another owner"))
            side = 0 if order["side"] > 0 else 1
            sums[side] += int(order["size_lots"])
            sums[2 + side] += int(order["size_lots"]) * int(order["price_ticks"])
            slot = int(order["owner_next"])
        if sums != [int(mine[c]) for c in ("buy_lots", "sell_lots", "buy_value", "sell_value")]:
            found.append(Breach("AUD-4", "orders", f"open-order sums of row {number} are wrong"))
    if listed != int(memory[orders.pools][0]["live"]) or listed != int((resting["size_lots"] > 0).sum()):
        found.append(Breach("AUD-4", "orders", "the pool's count of live orders is wrong"))
    return found


def _reserves(memory: Memory) -> list[Breach]:
    c = memory[clock.clock][0]
    a, assets = int(c["accounts"]), 2 + 2 * int(c["tickers"])
    expected = np.zeros((a, assets), dtype=np.int64)
    resting = memory[orders.orders]
    for order in resting[resting["size_lots"] > 0]:
        number = int(order["book"])
        if number % 2 == 0:
            continue
        lots, account = int(order["size_lots"]), int(order["account"])
        if order["side"] > 0:
            value = lots * int(order["price_ticks"]) * int(memory[book.books][number]["unit_uusd"])
            rate = int(memory[fees.fee_rules][number]["taker_ppb"])
            expected[account, accounts.USD] += value - (-value * rate // PPB)
        else:
            expected[account, 2 + number // 2 * 2] += lots * int(memory[book.book_rules][number]["lot_ushares"])
    wrong = np.argwhere(memory[accounts.balances]["reserved"].reshape(a, assets) != expected)
    return [
        Breach("AUD-5", "matching", f"account {i}, asset {j}: reserved is not what its orders deliver")
        for i, j in wrong
    ]


def _shortfall(memory: Memory) -> list[Breach]:
    debt, paid = memory[waterfall.debts][0], int(memory[waterfall.payers]["paid_uusd"].sum())
    if debt["shortfall_uusd"] != paid + debt["unpaid_uusd"]:
        return [Breach("AUD-6", "waterfall", "shortfall is not paid plus unpaid")]
    return []


def _flows(memory: Memory) -> list[Breach]:
    c = memory[clock.clock][0]
    groups = memory[accounts.accounts]["group"]
    dollars = np.zeros(int(c["groups"]), dtype=np.int64)
    np.add.at(dollars, groups, _balances(memory)[:, accounts.USD])
    explained = (
        memory[accounts.flows]["amount"]
        .reshape(int(c["groups"]), accounts.FLOWS)[:, : accounts.BROKER_DEPOSIT]
        .sum(axis=1)
    )
    wrong = np.flatnonzero(dollars != explained)
    found = [Breach("AUD-7", "accounts", f"group {g}: flows do not explain its dollars") for g in wrong.tolist()]
    if np.any(memory[attention.watches]["dirty"] > 1):
        found.append(Breach("AUD-7", "margin", "a changed account is listed twice"))
    return found


def _loans(memory: Memory) -> list[Breach]:
    if memory[collateral.pledges]["active"][0] == 0:
        return []
    c = memory[clock.clock][0]
    owed = memory[collateral.loans]["owed"].reshape(int(c["accounts"]), 1 + int(c["tickers"])).sum(axis=0)
    found = []
    for what, row in enumerate(memory[lending.lent]):
        left = int(_balances(memory)[accounts.LENDER, lending.asset_of(what)])
        if owed[what] != row["out"]:
            found.append(Breach("AUD-8", "lending", f"loan {what}: owed is {owed[what]}, lent is {row['out']}"))
        elif what != collateral.DOLLARS and left + int(row["out"]) != row["stock"]:
            found.append(Breach("AUD-8", "lending", f"loan {what}: lent and left are not the stock"))
    return found


def _houses(memory: Memory) -> list[Breach]:
    dollars, found = _balances(memory)[:, accounts.USD], []
    for house in (accounts.POOL, accounts.INSURANCE):
        if dollars[house] < 0:
            found.append(Breach("AUD-9", "waterfall", f"{accounts.HOUSE_NAMES[house]} is overdrawn"))
    if -int(dollars[accounts.NOBODY]) != int(memory[waterfall.debts]["unpaid_uusd"][0]):
        found.append(Breach("AUD-9", "waterfall", "what nobody paid is not what nobody owes"))
    return found


def _cases(memory: Memory) -> list[Breach]:
    found = []
    stages = memory[waterfall.places]["stage"]
    own = memory[liquidation.cases]
    for account in np.flatnonzero(own["place"] > 0).tolist():
        if own["stage"][account] == waterfall.WELL or own["stage"][account] not in stages:
            found.append(Breach("AUD-10", "liquidation", f"account {account} stands at a stage that the venue has not"))
    if memory[deleverage.waiting]["account"][0] != 0 and memory[clock.clock]["stage"][0] != clock.CLOSING:
        found.append(Breach("AUD-10", "deleverage", "somebody still waits"))
    return found


def _offers(memory: Memory) -> list[Breach]:
    rows, rules, found = memory[providers.offers], memory[providers.provider_rules][0], []
    t = int(memory[clock.clock][0]["tickers"])
    listed: list[int] = []
    for ticker in range(t):
        link = int(memory[providers.offer_lists]["head"][ticker])
        while link and len(listed) <= len(rows):
            listed.append(link - 1)
            if (link - 1) % t != ticker:
                found.append(Breach("AUD-11", "providers", f"row {link - 1} is in the list of another ticker"))
            link = int(rows["next"][link - 1])
    if sorted(listed) != np.flatnonzero(rows["registered"]).tolist():
        found.append(Breach("AUD-11", "providers", "the lists are not the standing offers"))
    own = rows[rows["registered"] == 1]
    if np.any(own["room_uusd"] < 0) or np.any(
        (own["edge_ppb"] < rules["edge_min_ppb"]) | (own["edge_ppb"] > rules["edge_max_ppb"])
    ):
        found.append(Breach("AUD-11", "providers", "an offer has no room or an edge out of bounds"))
    return found
