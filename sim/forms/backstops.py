"""What stands behind a liquidation: the insurance fund, and losses that nobody else can pay."""

from __future__ import annotations

from fractions import Fraction

from offhours.sim.compile import uncompiled
from offhours.sim.forms.dydx import ACCOUNT, SLICE
from offhours.sim.forms.form import MICRO, form, in_micro, in_ppb, sign, step
from offhours.sim.market import insurance


def insurance_delta_quantums(proceeds: int, bankruptcy: int, notional: int, fee_ppm: int) -> int:
    """What the insurance fund gets (or, negative, pays) for a fill: the liquidation fee out of what is left (dYdX v4).

    Quantums; `proceeds` and `bankruptcy` are positive for the closing of a long. The fee is rounded down, at most all that is
    above the bankruptcy price.
    """
    left = proceeds - bankruptcy
    return min(left, abs(notional) * fee_ppm // 1_000_000) if left > 0 else left


def fund_can_pay(fund: int, delta: int) -> int:
    """1 where an insurance fund may book a change: it is not a payment, or there is enough (dYdX v4)."""
    return 1 if delta >= 0 or fund + delta >= 0 else 0


def fund_after_closeout(fund: float, margin: float, loss: float, fee: float) -> float:
    """Insurance pool after a close-out: it takes what margin is left and pays the loss and the fees (Vega 0003-MTMK)."""
    return fund + margin - loss - fee


def drawdown(loss: float, pool: float) -> float:
    """What a symbol has cost an insurance pool, as a share of the pool (Bybit, over 8 h)."""
    return -loss / pool


def beyond_drawdown(loss: float, pool: float, threshold: float) -> float:
    """The loss beyond a drawdown of the pool, which counterparties take (Bybit: past -30 %)."""
    return max(0, loss + threshold * pool)


def shared_by_loss(losses: tuple[float, ...], missing: float) -> tuple[float, ...]:
    """What each symbol's counterparties take of what an empty pool could not pay, by the symbol's loss (Bybit)."""
    total = sum(losses)
    return tuple(missing * loss / total for loss in losses)


def socialised(gains: tuple[int, ...], collected: int) -> tuple[int, ...]:
    """What winners receive of what was collected: in proportion to their gains, rounded down, the rest to the last (Vega)."""
    total = sum(gains)
    if collected >= total:
        return gains
    paid = [gain * collected // total for gain in gains]
    paid[-1] += collected - sum(paid)
    return tuple(paid)


def spread_over_units(loss: int, size: int) -> int:
    """Loss a unit that both sides carry, rounded up: 1e-6 dollars and base units in, 1e-6 out (Drift v2, funding deltas)."""
    return -(-loss // size)


def spread_over_deposits(loss: int, deposits: int, index: int) -> int:
    """Fall of a deposit index that spreads a loss over all deposits, rounded up (Drift v2)."""
    return -(-index * loss // deposits)


form(
    "insurance-delta", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", ACCOUNT + "; close size = 0; fill money; most rate = 0.5 %",
    *SLICE,
    step("proceeds", "money", "fill * sign(signed_size)", lambda fill, signed_size: fill * sign(signed_size)),
    step("delta", "money", "min(proceeds - bankruptcy_value, down(fill * most)) if proceeds > bankruptcy_value else proceeds - bankruptcy_value", lambda p, b, f, m: Fraction(insurance_delta_quantums(in_micro(p), in_micro(b), in_micro(f), round(m * MICRO)), MICRO), "proceeds bankruptcy_value fill most"),
)  # fmt: skip
form(
    "insurance-delta", "dydx-allowed", "dydxprotocol/v4-chain, keeper/deleveraging.go: IsValidInsuranceFundDelta", "fund money; delta money",
    step("allowed", "flag", "delta >= 0 or fund + delta >= 0", lambda fund, delta: fund_can_pay(in_micro(fund), in_micro(delta))),
)  # fmt: skip
form(
    "insurance-delta", "vega", "Vega specification 0003-MTMK: closed-out party", "fund money; margin_left money; loss money; fee_paid money",
    step("fund_after", "money", "fund + margin_left - loss - fee_paid", fund_after_closeout, "fund margin_left loss fee_paid"),
)  # fmt: skip
form(
    "insurance-delta", "bybit", "Bybit: ADL, 8 h drawdown of the insurance pool", "loss money; pool money; threshold rate = -30 %; stop rate = -25 %",
    step("ratio", "rate", "-loss / pool", drawdown, "loss pool"),
    step("begins", "flag", "ratio < threshold", lambda ratio, threshold: ratio < threshold),
    step("ends", "flag", "ratio > stop", lambda ratio, stop: ratio > stop),
    step("moved", "money", "max(0, loss + threshold * pool)", beyond_drawdown, "loss pool threshold"),
)  # fmt: skip

form(
    "insurance-room", "drawdown", "INS-3 to INS-5: a share of its highest level; Bybit: 30 % of 8 h, ends at 25 %; OKX: 30 % of its 8 h peak", "level money; loss money; share rate = 100 %; stop rate = 100 %",
    step("stays", "flag", "loss >= up(level * stop)", lambda level, loss, stop: uncompiled(insurance.stays_stopped)(in_micro(level), in_micro(loss), in_ppb(stop))),
    step("room", "money", "max(0, down(level * share) - loss)", lambda level, loss, share: Fraction(uncompiled(insurance.room_left)(in_micro(level), in_micro(loss), in_ppb(share)), MICRO)),
    share="perp.insurance.drawdown", stop="perp.insurance.resume",
)  # fmt: skip

for _name, _source in (
    (
        "vega",
        "Vega 0002-STTL: winners receive what was collected in proportion to their gains, in whole pieces (SOC-1)",
    ),
    ("deribit", "Deribit, formerly: the same with gains of the day (SOC-2)"),
):
    form(
        "socialised-loss", _name, _source, "gains whole*; shortfall whole",
        step("received", "number*", "look up: gain * (sum of gains - shortfall) / sum of gains, rounded down; the last gets the rest", lambda gains, shortfall: tuple(Fraction(paid) for paid in socialised(tuple(int(gain) for gain in gains), int(sum(gains) - shortfall)))),
        step("forgone", "number*", "look up: gains less what was received", lambda gains, received: tuple(gain - paid for gain, paid in zip(gains, received))),
    )  # fmt: skip
form(
    "socialised-loss", "bybit", "Bybit, ADL alert page, example 3: the pool is empty and no symbol has drawn 30 % of it: the loss is shared by symbol", "losses money*; pool money = 0; pool_before money; missing money; threshold rate = -30 %",
    step("worst", "rate", "-max(losses) / pool_before", lambda losses, pool_before: drawdown(max(losses), pool_before)),
    step("by_symbol", "flag", "worst < threshold", lambda worst, threshold: worst < threshold),
    step("by_pool", "flag", "pool <= 0", lambda pool: pool <= 0),
    step("shares", "money*", "look up: missing * loss / sum of losses", shared_by_loss, "losses missing"),
)  # fmt: skip
form(
    "socialised-loss", "drift", "drift-labs/protocol-v2, math/liquidation: loss a unit, carried by both sides, rounded up to a millionth (SOC-3)", "loss money; long_size size; short_size size",
    step("per_unit", "money", "up(loss / (long_size + short_size))", lambda loss, long_size, short_size: Fraction(spread_over_units(in_micro(loss) * 10**9, round((long_size + short_size) * 10**9)), MICRO)),
)  # fmt: skip
form(
    "socialised-loss", "drift-deposits", "drift-labs/protocol-v2, math/liquidation: fall of the deposit index, 1e-10, rounded up", "loss money; deposits money",
    step("fall", "rate", "up10(loss / deposits)", lambda loss, deposits: Fraction(spread_over_deposits(in_micro(loss), in_micro(deposits), 10**10), 10**10)),
)  # fmt: skip
