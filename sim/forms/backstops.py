"""What stands behind a liquidation: the insurance fund, and losses that nobody else can pay."""

from __future__ import annotations

from fractions import Fraction

from offhours.sim.compile import uncompiled
from offhours.sim.forms.dydx import ACCOUNT, SLICE
from offhours.sim.forms.form import MICRO, form, in_micro, in_ppb, sign, step
from offhours.sim.market import insurance, liquidation

form(
    "insurance-delta", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", ACCOUNT + "; close size = 0; fill money; most rate = 0.5 %",
    *SLICE,
    step("proceeds", "money", "fill * sign(signed_size)", lambda fill, signed_size: fill * sign(signed_size)),
    step("delta", "money", "min(proceeds - bankruptcy_value, down(fill * most)) if proceeds > bankruptcy_value else proceeds - bankruptcy_value", lambda p, b, f, m: Fraction(liquidation.insurance_delta_quantums(in_micro(p), in_micro(b), in_micro(f), round(m * MICRO)), MICRO), "proceeds bankruptcy_value fill most"),
)  # fmt: skip
form(
    "insurance-delta", "dydx-allowed", "dydxprotocol/v4-chain, keeper/deleveraging.go: IsValidInsuranceFundDelta", "fund money; delta money",
    step("allowed", "flag", "delta >= 0 or fund + delta >= 0", lambda fund, delta: liquidation.fund_can_pay(in_micro(fund), in_micro(delta))),
)  # fmt: skip
form(
    "insurance-delta", "vega", "Vega specification 0003-MTMK: closed-out party", "fund money; margin_left money; loss money; fee_paid money",
    step("fund_after", "money", "fund + margin_left - loss - fee_paid", liquidation.fund_after_closeout, "fund margin_left loss fee_paid"),
)  # fmt: skip
form(
    "insurance-delta", "bybit", "Bybit: ADL, 8 h drawdown of the insurance pool", "loss money; pool money; threshold rate = -30 %; stop rate = -25 %",
    step("ratio", "rate", "-loss / pool", liquidation.drawdown, "loss pool"),
    step("begins", "flag", "ratio < threshold", lambda ratio, threshold: ratio < threshold),
    step("ends", "flag", "ratio > stop", lambda ratio, stop: ratio > stop),
    step("moved", "money", "max(0, loss + threshold * pool)", liquidation.beyond_drawdown, "loss pool threshold"),
)  # fmt: skip

form(
    "insurance-room", "drawdown", "INS-3 to INS-5: a share of its highest level; Bybit: 30 % of 8 h, ends at 25 %; OKX: 30 % of its 8 h peak", "level money; loss money; share rate = 100 %; stop rate = 100 %",
    step("stays", "flag", "loss >= up(level * stop)", lambda level, loss, stop: uncompiled(insurance.stays_stopped)(in_micro(level), in_micro(loss), in_ppb(stop))),
    step("room", "money", "max(0, down(level * share) - loss)", lambda level, loss, share: Fraction(uncompiled(insurance.room_left)(in_micro(level), in_micro(loss), in_ppb(share)), MICRO)),
    share="perp.insurance.drawdown", stop="perp.insurance.resume",
)  # fmt: skip

form(
    "socialised-loss", "vega", "Vega 0002-STTL: winners receive what was collected in proportion to their gains, in whole pieces", "gains number*; shortfall number",
    step("received", "number*", "look up: gain * (sum of gains - shortfall) / sum of gains, rounded down; the last gets the rest", lambda gains, shortfall: tuple(Fraction(paid) for paid in liquidation.socialised(tuple(int(gain) for gain in gains), int(sum(gains) - shortfall)))),
    step("forgone", "number*", "look up: gains less what was received", lambda gains, received: tuple(gain - paid for gain, paid in zip(gains, received))),
)  # fmt: skip
form(
    "socialised-loss", "bybit", "Bybit, ADL alert page, example 3: the pool is empty and no symbol has drawn 30 % of it: the loss is shared by symbol", "losses money*; pool money = 0; pool_before money; missing money; threshold rate = -30 %",
    step("worst", "rate", "-max(losses) / pool_before", lambda losses, pool_before: liquidation.drawdown(max(losses), pool_before)),
    step("by_symbol", "flag", "worst < threshold", lambda worst, threshold: worst < threshold),
    step("by_pool", "flag", "pool <= 0", lambda pool: pool <= 0),
    step("shares", "money*", "look up: missing * loss / sum of losses", liquidation.shared_by_loss, "losses missing"),
)  # fmt: skip
form(
    "socialised-loss", "drift", "drift-labs/protocol-v2, math/liquidation: loss a unit, carried by both sides, rounded up to a millionth", "loss money; long_size size; short_size size",
    step("per_unit", "money", "up(loss / (long_size + short_size))", lambda loss, long_size, short_size: Fraction(liquidation.spread_over_units(in_micro(loss) * 10**9, round((long_size + short_size) * 10**9)), MICRO)),
)  # fmt: skip
form(
    "socialised-loss", "drift-deposits", "drift-labs/protocol-v2, math/liquidation: fall of the deposit index, 1e-10, rounded up", "loss money; deposits money",
    step("fall", "rate", "up10(loss / deposits)", lambda loss, deposits: Fraction(liquidation.spread_over_deposits(in_micro(loss), in_micro(deposits), 10**10), 10**10)),
)  # fmt: skip
