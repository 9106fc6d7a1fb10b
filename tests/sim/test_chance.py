"""Draws are uniform, independent in each of their four arguments, and the same bits wherever they are made.

Statistical tests have fixed seeds, so they pass or fail for good. Each is stated at a confidence of 99.9 %; where
several ask one thing, they share the remaining 0.1 % (Bonferroni).
"""

import numpy as np
import pytest
from scipy import stats

from offhours.sim import chance
from plain.fresh import printed

CONFIDENCE = 0.999
ALL_BITS = (1 << 64) - 1
FIELDS = ("seed", "stream", "who", "n")


def signed(word: int) -> int:
    """The int64 with the bits of an unsigned word."""
    return word - (word >> 63 << 64)


def draws(field: str, count: int, **others: int) -> np.ndarray:
    """Uniforms with one argument counting and the others fixed."""
    fixed = {"seed": 7, "stream": chance.WAKE, "who": 11, "n": 3, **others}
    return np.array([chance.uniform(*{**fixed, field: i}.values()) for i in range(count)])


def test_each_stream_has_a_number_of_its_own() -> None:
    numbers = {name: value for name, value in vars(chance).items() if name.isupper() and type(value) is int}
    numbers = {name: value for name, value in numbers.items() if not name.startswith("_")}
    assert {"LATENT", "WAKE", "TIES"} <= numbers.keys()
    assert len(set(numbers.values())) == len(numbers)
    assert min(numbers.values()) > 0


def test_mix_gives_the_published_sequence_of_splitmix64() -> None:
    """First outputs from seeds 0 and 1234567 (S. Vigna's splitmix64.c, public domain)."""

    def sequence(seed: int, count: int) -> list[int]:
        states = [(seed + (i + 1) * 0x9E3779B97F4A7C15) & ALL_BITS for i in range(count)]
        return [chance.mix(signed(s)) & ALL_BITS for s in states]

    assert sequence(0, 3) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert sequence(1234567, 5) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_known_draws() -> None:
    """Published results rest on these; a change of the hash is a change of every one of them."""
    assert chance.word(0, 0, 0, 0) == 0
    assert chance.word(7, chance.WAKE, chance.key_of("NVDAx"), 42) == 2468608760451569682
    assert chance.word(-(2**63), 14, 2**63 - 1, -1) == 6328547027361000178
    assert chance.person(chance.key_of("makers"), 3) == 6940550763787639644


@pytest.mark.parametrize("field", FIELDS)
def test_uniforms_are_uniform_whichever_argument_counts(field: str) -> None:
    u = draws(field, 20_000)
    assert 0.0 < u.min() and u.max() < 1.0
    assert stats.kstest(u, "uniform").pvalue > (1 - CONFIDENCE) / 4
    cells = np.bincount((u * 256).astype(int), minlength=256)
    assert (1 - CONFIDENCE) / 4 < stats.chisquare(cells).pvalue < 1 - (1 - CONFIDENCE) / 4


def test_a_uniform_is_the_middle_of_its_cell() -> None:
    """An odd number of 2^-53, whose word begins with the number of the cell."""
    for n in range(1000):
        cell = (chance.word(1, 2, 3, n) & ALL_BITS) >> 12
        assert chance.uniform(1, 2, 3, n) * 2**53 == 2 * cell + 1


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("lag", [1, 2, 7])
def test_neighbours_are_not_correlated(field: str, lag: int) -> None:
    """The sample correlation of independent draws is normal with deviation 1/sqrt(count)."""
    count = 20_000
    u = draws(field, count + lag, who=5)
    r = np.corrcoef(u[:-lag], u[lag:])[0, 1]
    assert abs(r) * np.sqrt(count) < stats.norm.isf((1 - CONFIDENCE) / 2 / 12)


@pytest.mark.parametrize("field", FIELDS)
def test_pairs_fill_the_square(field: str) -> None:
    """Chi-square over 32 x 32 cells of (draw, next draw), which sees more than a correlation."""
    u = draws(field, 40_000, n=1).reshape(-1, 2)
    cells = np.bincount((u[:, 0] * 32).astype(int) * 32 + (u[:, 1] * 32).astype(int), minlength=1024)
    assert (1 - CONFIDENCE) / 4 < stats.chisquare(cells).pvalue < 1 - (1 - CONFIDENCE) / 4


def test_many_people_over_many_draws_are_not_correlated() -> None:
    """The largest of 100 x 99 / 2 correlations of independent columns stays below its bound (Fisher's z)."""
    table = np.array([[chance.uniform(3, chance.SIDE, who, n) for who in range(100)] for n in range(400)])
    for view in (table, table[:100].T):
        r = np.corrcoef(view, rowvar=False)
        largest = np.abs(r[np.triu_indices(len(r), 1)]).max()
        pairs = len(r) * (len(r) - 1) / 2
        assert np.arctanh(largest) * np.sqrt(len(view) - 3) < stats.norm.isf((1 - CONFIDENCE) / 2 / pairs / 2)


@pytest.mark.parametrize("field", FIELDS)
def test_each_bit_of_an_argument_moves_half_of_the_word(field: str) -> None:
    """Avalanche: of 64 x 64 (bit in, bit out) each flips with probability 1/2 (binomial over 400 samples)."""
    samples = 400
    flips = np.zeros((64, 64))
    for sample in range(samples):
        given = {name: chance.mix(1000 * sample + place) for place, name in enumerate(FIELDS)}
        plain = chance.word(*given.values())
        for bit in range(64):
            other = chance.word(*{**given, field: given[field] ^ signed(1 << bit)}.values())
            flips[bit] += [(plain ^ other) >> out & 1 for out in range(64)]
    most = stats.binom.isf((1 - CONFIDENCE) / 2 / (4 * flips.size), samples, 0.5)
    assert samples - most <= flips.min() and flips.max() <= most
    assert abs(flips.mean() - samples / 2) < stats.norm.isf((1 - CONFIDENCE) / 2 / 4) * np.sqrt(samples / 4) / 64


def test_no_two_sequences_are_the_same_one_shifted() -> None:
    """A million words over neighbouring people, streams, counts and seeds are all different."""
    words = {chance.word(s, t, w, n) for s in range(10) for t in range(1, 11) for w in range(100) for n in range(100)}
    assert len(words) == 1_000_000


@pytest.mark.parametrize("bound", [1, 2, 3, 10, 1000, 1 << 31])
def test_below_is_uniform_on_its_range(bound: int) -> None:
    drawn = np.array([chance.below(5, chance.CHOICE, i, 0, bound) for i in range(20_000)])
    assert 0 <= drawn.min() and drawn.max() < bound
    if bound == 1:
        return
    classes = min(bound, 64)
    cells = np.bincount(drawn * classes // bound, minlength=classes)
    expected = np.bincount(np.arange(bound) * classes // bound) if bound <= 1000 else np.full(classes, 1.0)
    assert stats.chisquare(cells, expected / expected.sum() * len(drawn)).pvalue > (1 - CONFIDENCE) / 5


def test_below_is_the_high_half_of_the_product() -> None:
    for n in range(300):
        bound = 1 + (chance.word(1, 1, 1, n) & 0x7FFFFFFF)
        assert chance.below(2, 2, 2, n, bound) == ((chance.word(2, 2, 2, n) & ALL_BITS) * bound) >> 64


@pytest.mark.parametrize("bound", [0, -1, (1 << 31) + 1])
def test_below_refuses_a_range_it_cannot_draw_from(bound: int) -> None:
    with pytest.raises(AssertionError):
        chance.below(1, 1, 1, 1, bound)


def test_exponential_and_normal_have_their_distributions() -> None:
    waits = np.array([chance.exponential(9, chance.WAKE, i, 0) for i in range(20_000)])
    assert waits.min() > 0.0
    assert stats.kstest(waits, "expon").pvalue > (1 - CONFIDENCE) / 2
    steps = np.array([chance.normal(9, chance.LATENT, 1, i) for i in range(20_000)])
    assert stats.kstest(steps, "norm").pvalue > (1 - CONFIDENCE) / 2


def test_a_variate_is_the_inverse_of_its_own_uniform() -> None:
    """So a larger uniform is a larger normal and a shorter wait, and luck that is shared stays in step."""
    for n in range(500):
        u = chance.uniform(1, 2, 3, n)
        assert stats.norm.cdf(chance.normal(1, 2, 3, n)) == pytest.approx(u, rel=1e-12)
        assert np.exp(-chance.exponential(1, 2, 3, n)) == pytest.approx(u, rel=1e-12)


def test_ties_are_fair_to_pairs_and_triples_and_change_with_the_instant() -> None:
    """Of three people each of the six orders comes equally often, whoever they are (chi-square)."""
    for people in ((0, 1, 2), (5, 1 << 40, chance.key_of("someone"))):
        orders: dict[tuple[int, ...], int] = {}
        for instant_us in range(0, 6_000_000_000, 1_000_000):
            order = tuple(sorted(people, key=lambda who: chance.tie_order(7, instant_us, who)))
            orders[order] = orders.get(order, 0) + 1
        assert len(orders) == 6
        assert stats.chisquare(list(orders.values())).pvalue > (1 - CONFIDENCE) / 2
    assert 0 <= min(chance.tie_order(7, t, 1) for t in range(1000)) < 1 << 62


def test_shuffled_is_a_permutation_that_can_be_taken_back() -> None:
    everyone = np.array([chance.shuffled(7, 86_400_000_000, index) for index in range(1 << 20)])
    assert (np.bincount(everyone, minlength=1 << 20) == 1).all()
    for index in (0, 1, 1023, 1024, 500_000, (1 << 20) - 1):
        for instant_us in (0, 1, 10**15):
            assert chance.unshuffled(3, instant_us, chance.shuffled(3, instant_us, index)) == index


@pytest.mark.parametrize("people", [(0, 1, 2), (0, 1024, 2048), (3, 515, 1027), (77, 500_000, 1_048_575)])
def test_shuffled_is_fair_to_pairs_and_triples(people: tuple[int, ...]) -> None:
    """Chi-square over the six orders of three people, also of people that share a half of their number."""
    orders: dict[tuple[int, ...], int] = {}
    for instant in range(12_000):
        order = tuple(sorted(people, key=lambda index: chance.shuffled(1, instant * 1_000_000, index)))
        orders[order] = orders.get(order, 0) + 1
    assert len(orders) == 6
    assert stats.chisquare(list(orders.values())).pvalue > (1 - CONFIDENCE) / 4


@pytest.mark.parametrize("index", [-1, 1 << 20])
def test_shuffled_refuses_who_has_no_number(index: int) -> None:
    with pytest.raises(AssertionError):
        chance.shuffled(1, 1, index)
    with pytest.raises(AssertionError):
        chance.unshuffled(1, 1, index)


def test_names_and_people_are_nonnegative_and_different() -> None:
    assert chance.key_of("NVDAx") == 0x43EA91F2A6223AC6 >> 1
    who = {chance.person(chance.key_of(group), member) for group in ("makers", "retail") for member in range(20_000)}
    assert len(who) == 40_000
    assert min(who) >= 0 and max(who) < 1 << 63


def test_uniforms_are_the_single_draws_in_order() -> None:
    who = np.array([5, 0, 1 << 62, -3], dtype=np.int64)
    assert chance.uniforms(7, chance.BUILD, who, 2).tolist() == [
        chance.uniform(7, chance.BUILD, int(w), 2) for w in who
    ]
    assert chance.uniforms(7, chance.BUILD, np.arange(8)[::2], 0).tolist() == [
        chance.uniform(7, chance.BUILD, w, 0) for w in (0, 2, 4, 6)
    ]
    assert len(chance.uniforms(7, chance.BUILD, np.array([], dtype=np.int64), 0)) == 0


BITS = """
import hashlib, random, struct
from offhours.sim import chance
luck, digest = random.Random(7), hashlib.sha256()
for i in range(2000):
    who, n = luck.getrandbits(64) - 2**63, luck.getrandbits(40)
    at = luck.getrandbits(64) - 2**63, i % 20, who, n
    integers = chance.word(*at), chance.below(*at, 1 + n % 2**31), chance.tie_order(at[0], n, who)
    order = chance.shuffled(at[0], n, i), chance.unshuffled(at[0], n, i), chance.shuffle_key(*at)
    keys = chance.person(who, i), chance.mix(who)
    digest.update(struct.pack("<8q", *integers, *order, *keys))
    digest.update(struct.pack("<3d", chance.uniform(*at), chance.exponential(*at), chance.normal(*at)))
print(digest.hexdigest())
"""
"""Prints the digest of 2,000 draws of each kind."""


def test_the_bits_are_the_same_compiled_or_not_and_on_any_processor() -> None:
    compiled = printed(BITS, OFFHOURS_COMPILE="1")
    assert printed(BITS, OFFHOURS_COMPILE="0") == compiled
    assert printed(BITS, OFFHOURS_COMPILE="1", NUMBA_CPU_NAME="generic") == compiled
