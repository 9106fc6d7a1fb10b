"""The benchmark's workload on a small scale: the three books agree, and the mix is what is said."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks import workload
from benchmarks.workload import ADD, CANCEL, MARKET_ORDER, Workload

COUNT = 20_000


@pytest.fixture(scope="module", params=[(150, 15.0), (3_000, 150.0)], ids=["thin", "deep"])
def work(request: pytest.FixtureRequest) -> Workload:
    return workload.prepare("small", *request.param, COUNT)


def test_mix(work: Workload) -> None:
    """Half orders, four tenths cancels, one tenth market orders, within 4 standard errors; the book stays as full as it was."""
    for kind, share in ((ADD, 0.5), (CANCEL, 0.4), (MARKET_ORDER, 0.1)):
        assert np.mean(work.timed["kind"] == kind) == pytest.approx(
            share, abs=4.0 * (share * (1.0 - share) / COUNT) ** 0.5
        )
    assert 0.5 * work.live_before < work.live_after < 2.0 * work.live_before


def test_plain_book_fills_the_same(work: Workload) -> None:
    """Price, owner and size of every fill, in order."""
    assert workload.Compiled(work).run() == workload.plain_replay(work)


def test_native_book_leaves_the_same_bytes(work: Workload, tmp_path: Path) -> None:
    """The reference that speed is measured against does the same work, down to the free list."""
    library = workload.build_native(tmp_path)
    if library is None:
        pytest.skip("no C++ compiler here")
    ours, theirs = workload.Compiled(work), workload.Native(work, library)
    assert ours.run() == theirs.run()
    assert theirs.fills.value > COUNT // 20
    assert ours.memory.digest() == theirs.memory.digest()


def test_replay_can_be_repeated(work: Workload) -> None:
    """`again` takes the book back to where the timed messages begin."""
    ours = workload.Compiled(work)
    first = ours.run()
    ours.again()
    assert ours.run() == first
