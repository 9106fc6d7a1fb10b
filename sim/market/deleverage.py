"""Auto-deleveraging: what nobody bought is closed against those on the other side."""

from __future__ import annotations

from offhours.sim.declare import A, Column, table


class DeleverageEvent:
    """A position that was cut for an account in liquidation. Equity, notional, profit and gross are those before the cut."""

    time_us: A[int, Column("i8", "us", "when")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    for_account: A[int, Column("i8", "account", "account in liquidation, or -1 where several shared the cut")]
    account: A[int, Column("i8", "account", "whose position was cut")]
    rank: A[int, Column("i8", "number", "place in the queue, 1 first")]
    candidates: A[int, Column("i8", "count", "how many stood in the queue")]
    lots: A[int, Column("i8", "lots", "signed: positive where a long was reduced")]
    value_uusd: A[int, Column("i8", "uusd", "dollars at which it was closed, without sign")]
    mark_ticks: A[int, Column("i8", "ticks", "mark at that moment")]
    score: A[float, Column("f8", "score", "what the venue ranked it by")]
    equity_uusd: A[int, Column("i8", "uusd", "equity of the account")]
    notional_uusd: A[int, Column("i8", "uusd", "size of the position at the mark")]
    profit_uusd: A[int, Column("i8", "uusd", "its profit at the mark; negative where it had lost")]
    gross_uusd: A[int, Column("i8", "uusd", "notionals of all positions of the account")]
    token_ushares: A[int, Column("i8", "ushares", "tokens of the ticker that it held")]


deleverage_events = table(DeleverageEvent, recorded=True)
