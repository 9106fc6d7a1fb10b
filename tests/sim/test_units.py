"""A text becomes an integer exactly, or is refused with a sentence; writing is the inverse of reading."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhours.sim.units import UNITS, Instrument, UnitError, bare_name, read, write

TSLAX = Instrument("TSLAx", tick_uusd=10_000, lot_ushares=10_000)

READS = [
    ("0.25 %", "ppb", 2_500_000),
    ("25 bp", "ppb", 2_500_000),
    ("25bps", "ppb", 2_500_000),
    ("12.5 ppm", "ppb", 12_500),
    ("-8 %", "ppb", -80_000_000),
    ("\u22128\u00a0%", "ppb", -80_000_000),
    ("0", "ppb", 0),
    ("0.0000001 %", "ppb", 1),
    ("8h", "us", 28_800_000_000),
    ("30 s", "us", 30_000_000),
    ("250 ms", "us", 250_000),
    ("2 days", "us", 172_800_000_000),
    ("1 h 30 min", "us", 5_400_000_000),
    ("0.5 s", "us", 500_000),
    ("0", "us", 0),
    ("-5 s", "us", -5_000_000),
    ("$10,000", "uusd", 10_000_000_000),
    ("$5M", "uusd", 5_000_000_000_000),
    ("$1.5B", "uusd", 1_500_000_000_000_000),
    ("250 USD", "uusd", 250_000_000),
    ("-$5", "uusd", -5_000_000),
    ("10000", "uusd", 10_000_000_000),
    ("$0.05", "usd_per_share", 50_000),
    ("$0.05 a share", "usd_per_share", 50_000),
    ("0.01 shares", "ushares", 10_000),
    ("1 share", "ushares", 1_000_000),
    ("20x", "leverage", 20_000),
    ("20", "leverage", 20_000),
    ("3.33x", "leverage", 3_330),
    ("10,000", "count", 10_000),
    ("10k", "count", 10_000),
    ("1e-3", "real", 0.001),
    ("35 %", "real", 0.35),
    ("true", "flag", 1),
    ("off", "flag", 0),
    ("5 ticks", "ticks", 5),
    ("3 lots", "lots", 3),
]


@pytest.mark.parametrize(("text", "unit", "value"), READS)
def test_people_write_it_like_this(text: str, unit: str, value: float) -> None:
    assert read(text, unit) == value


REFUSED = [
    ("0.0025", "ppb", "does not say its unit; write '0.0025 %', or '0.25 %' if a fraction is meant"),
    ("0.00000001 %", "ppb", "finer than 1 ppb"),
    ("1,5 %", "ppb", "not a rate"),
    ("8h", "ppb", "'8h' is not a rate; write like '0.25 %'"),
    ("8 hours 3", "us", "'8 hours 3' is not a duration; write like '8h' or '30 s'"),
    ("8", "us", "not a duration"),
    ("", "us", "not a duration"),
    ("-", "us", "not a duration"),
    ("0.5 us", "us", "finer than a microsecond"),
    ("€5", "uusd", "not an amount of money"),
    ("$1.2.3", "uusd", "not an amount of money"),
    ("$0.0000001", "uusd", "finer than a millionth of a dollar"),
    ("$10000000B", "uusd", "too large"),
    ("20 %", "leverage", "'20 %' is not a leverage; write like '20x'"),
    ("3.3333x", "leverage", "finer than a thousandth"),
    ("2.5", "count", "finer than one"),
    ("many", "count", "not a count"),
    ("nan", "real", "not a number"),
    ("1e400", "real", "too large"),
    ("perhaps", "flag", "write 'true' or 'false'"),
    ("$5", "ticks", "write like '5 ticks'"),
    ("5 shares", "lots", "write like '5 lots'"),
]


@pytest.mark.parametrize(("text", "unit", "sentence"), REFUSED)
def test_anything_else_is_refused_with_a_sentence(text: str, unit: str, sentence: str) -> None:
    with pytest.raises(UnitError) as refusal:
        read(text, unit)
    assert sentence in str(refusal.value)


def test_prices_and_sizes_are_whole_steps_of_their_instrument() -> None:
    assert read("$248.37", "ticks", TSLAX) == 24_837
    assert read("0.25 shares", "lots", TSLAX) == 25
    assert write(24_837, "ticks", TSLAX) == "$248.37"
    with pytest.raises(UnitError, match=r"finer than the tick of TSLAx, \$0.01"):
        read("$248.375", "ticks", TSLAX)
    with pytest.raises(UnitError, match=r"finer than the lot of TSLAx, 0.01 shares"):
        read("0.005 shares", "lots", TSLAX)


def test_tick_times_lot_is_a_whole_number_of_millionths() -> None:
    assert TSLAX.unit_uusd == 100
    with pytest.raises(UnitError, match="not a whole number"):
        _ = Instrument("odd", tick_uusd=1, lot_ushares=10_000).unit_uusd


def test_a_choice_is_its_place_in_the_list() -> None:
    words = ("cross", "isolated")
    assert read("isolated", "choice", choices=words) == 1
    assert write(1, "choice", choices=words) == "isolated"
    with pytest.raises(UnitError, match="'both' is not one of cross, isolated"):
        read("both", "choice", choices=words)


WRITTEN = [
    (2_500_000, "ppb", "0.25 %"),
    (28_800_000_000, "us", "8 h"),
    (86_400_000_000, "us", "1 day"),
    (90_000_000, "us", "90 s"),
    (10_000_500_000, "uusd", "$10,000.50"),
    (-5_000_000, "uusd", "-$5"),
    (3_330, "leverage", "3.33x"),
    (10_000, "ushares", "0.01 shares"),
]


@pytest.mark.parametrize(("value", "unit", "text"), WRITTEN)
def test_it_is_written_as_people_would(value: int, unit: str, text: str) -> None:
    assert write(value, unit) == text


INTEGER_UNITS = sorted(set(UNITS) - {"real", "flag", "instant"})


@given(st.sampled_from(INTEGER_UNITS), st.integers(-(2**62), 2**62))
def test_write_then_read_is_the_same_integer(unit: str, value: int) -> None:
    again = read(write(value, unit), unit)
    assert type(again) is int and again == value


@given(st.sampled_from(["ticks", "lots"]), st.integers(-(2**40), 2**40), st.integers(1, 10**7), st.integers(1, 10**7))
def test_write_then_read_is_the_same_step_of_any_instrument(unit: str, value: int, tick: int, lot: int) -> None:
    instrument = Instrument("any", tick, lot)
    assert read(write(value, unit, instrument), unit, instrument) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_write_then_read_is_the_same_float(value: float) -> None:
    assert read(write(value, "real"), "real") == value


@given(st.decimals(min_value=-1000, max_value=1000, places=9))
def test_a_rate_is_read_exactly_or_refused_never_rounded(number: object) -> None:
    exact = Fraction(str(number)) * 10**7
    try:
        assert read(f"{number:f} %", "ppb") == exact
    except UnitError:
        assert exact.denominator != 1


def test_an_instant_is_what_a_new_york_clock_shows() -> None:
    # 09:30 in winter is 14:30 UTC; the clocks go forward on 8 March.
    assert read("2026-03-06 09:30", "instant") == 1_772_807_400_000_000
    assert read("2026-03-09 09:30", "instant") == 1_773_063_000_000_000
    for missing in ("2026-03-08 02:30", "2026-11-01 01:30", "tomorrow", "2026-02-30 09:30"):
        with pytest.raises(UnitError, match=missing):
            read(missing, "instant")


@given(st.integers(1_450_000_000_000_000, 1_900_000_000_000_000))
def test_write_then_read_is_the_same_instant(instant_us: int) -> None:
    assert read(write(instant_us, "instant"), "instant") == instant_us


def test_a_column_is_known_by_its_name_without_the_unit() -> None:
    assert bare_name("cap_ppb", "ppb") == "cap"
    assert bare_name("interval_us", "us") == "interval"
    assert bare_name("leverage_max_milli", "leverage") == "leverage_max"
    assert bare_name("samples", "count") == "samples"
