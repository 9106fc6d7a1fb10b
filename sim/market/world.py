"""All tables of the market on one page: which there are, in which order, and how many rows each has."""

from __future__ import annotations

from typing import NamedTuple

from offhours.sim.declare import Accessor, Block
from offhours.sim.market import (
    accounts,
    backstop,
    bank,
    bars,
    book,
    clock,
    fees,
    flight,
    funding,
    gap,
    issuer,
    liquidation,
    margin,
    matching,
    oracle,
    orders,
    positions,
    stock,
    stops,
    triggers,
)

MARKET = Block(
    "market",
    clock.clock,
    clock.phases,
    clock.logs,
    accounts.accounts,
    accounts.balances,
    accounts.flows,
    positions.positions,
    positions.interests,
    orders.orders,
    orders.pools,
    orders.open_orders,
    book.book_rules,
    book.books,
    book.levels,
    book.bits,
    fees.fee_rules,
    triggers.trigger_windows,
    triggers.trigger_heads,
    triggers.trigger_nodes,
    triggers.hits,
    stock.stock_rules,
    stock.stocks,
    stock.stock_replays,
    gap.gap_rules,
    gap.stock_plans,
    gap.earnings,
    gap.exposures,
    gap.windows,
    oracle.oracle_rules,
    oracle.oracles,
    oracle.fallbacks,
    funding.funding_rules,
    funding.fundings,
    funding.samples,
    funding.accruals,
    margin.margin_rules,
    margin.tiers,
    margin.watches,
    margin.changed,
    matching.session_rules,
    matching.reports,
    matching.refused,
    stops.stops,
    stops.stop_lists,
    flight.lanes,
    flight.messages,
    flight.nexts,
    backstop.backstop_rules,
    backstop.backstops,
    liquidation.liquidation_rules,
    liquidation.cases,
    liquidation.step_sizes,
    liquidation.open_cases,
    liquidation.ranks,
    issuer.issuer_rules,
    issuer.issued,
    bank.bank_rules,
    bank.bank_hours,
    bank.pendings,
    matching.trades,
    funding.funding_events,
    liquidation.liquidation_events,
    bars.bars,
    bars.leverages,
    stock.first_prices,
)


class Size(NamedTuple):
    """What the row counts follow from."""

    tickers: int
    accounts: int
    groups: int
    orders: int
    stops: int
    lane_rooms: tuple[int, ...]
    phases: int
    bank_days: int
    plans: int
    earnings: int
    replays: int
    log_rows: int


def row_counts(size: Size) -> dict[Accessor, int]:
    """Rows of every table. A full table is a named outcome, never a silent drop."""
    t, a, logs = size.tickers, size.accounts, size.log_rows
    return {
        clock.clock: 1,
        clock.phases: size.phases,
        clock.logs: clock.LOGS,
        accounts.accounts: a,
        accounts.balances: a * (2 + 2 * t),
        accounts.flows: size.groups * accounts.FLOWS,
        positions.positions: a * t,
        positions.interests: t,
        orders.orders: size.orders + 1,
        orders.pools: 1,
        orders.open_orders: a * 2 * t,
        book.book_rules: 2 * t,
        book.books: 2 * t,
        book.levels: 2 * t * book.WINDOW,
        book.bits: 2 * t * book.BITS_PER_BOOK,
        fees.fee_rules: 2 * t,
        triggers.trigger_windows: t,
        triggers.trigger_heads: 2 * t * book.WINDOW,
        triggers.trigger_nodes: 2 * a * t + size.stops + 1,
        triggers.hits: 2 * a * t + size.stops + 1,
        stock.stock_rules: t,
        stock.stocks: t,
        stock.stock_replays: size.replays,
        gap.gap_rules: 1,
        gap.stock_plans: size.plans,
        gap.earnings: size.earnings,
        gap.exposures: t,
        gap.windows: 1,
        oracle.oracle_rules: t,
        oracle.oracles: t,
        oracle.fallbacks: 4 * t,
        funding.funding_rules: t,
        funding.fundings: t,
        funding.samples: t * funding.SAMPLES,
        funding.accruals: a * t,
        margin.margin_rules: t,
        margin.tiers: t * margin.TIERS,
        margin.watches: a,
        margin.changed: a + 1,
        matching.session_rules: t,
        matching.reports: 1,
        matching.refused: matching.REFUSALS,
        stops.stops: size.stops + 1,
        stops.stop_lists: a,
        flight.lanes: len(size.lane_rooms),
        flight.messages: sum(size.lane_rooms),
        flight.nexts: 1,
        backstop.backstop_rules: 1,
        backstop.backstops: 1,
        liquidation.liquidation_rules: 1,
        liquidation.cases: a,
        liquidation.step_sizes: a * t,
        liquidation.open_cases: a + 1,
        liquidation.ranks: a,
        issuer.issuer_rules: t,
        issuer.issued: t,
        bank.bank_rules: 1,
        bank.bank_hours: size.bank_days,
        bank.pendings: a + 1,
        matching.trades: logs,
        funding.funding_events: logs // 16,
        liquidation.liquidation_events: logs,
        bars.bars: logs // 4,
        bars.leverages: logs // 4,
        stock.first_prices: logs // 16,
    }


RECORDED: dict[int, Accessor] = {
    clock.TRADE_LOG: matching.trades,
    clock.FUNDING_LOG: funding.funding_events,
    clock.LIQUIDATION_LOG: liquidation.liquidation_events,
    clock.BAR_LOG: bars.bars,
    clock.LEVERAGE_LOG: bars.leverages,
    clock.FIRST_PRICE_LOG: stock.first_prices,
}
"""Which recorded table each log counter belongs to."""
