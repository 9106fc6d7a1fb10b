"""How a kernel becomes machine code: `@kernel`, two bit-counting primitives, and a compile cache that cannot be stale.

A kernel is plain Python that happens to compile: with ``OFFHOURS_COMPILE=0`` (or ``NUMBA_DISABLE_JIT=1``) the same sources
run uncompiled and give the same bits. Compiled kernels count no references (``_nrt=False``), hold no interpreter lock and
live in a cache folder whose name is a digest of everything that shaped them: all sources of ``sim/`` and ``agents/``, the
versions of Python, numba, llvmlite and numpy, the processor's name and features, and every ``NUMBA_`` switch. numba's own
cache watches only the file of the function itself, and reuses unchecked code when bounds checks are switched on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED: bool = os.environ.get("OFFHOURS_COMPILE", "1") != "0" and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")

KERNELS: list[Any] = []
"""Every kernel declared so far, for the test that each was compiled once and for the benchmark's count."""

_CACHES_KEPT = 3


def source_digest() -> str:
    """Sixteen hexadecimal digits that name the sources of ``sim/`` and ``agents/`` as they stand on disk."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in ("sim", "agents"):
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _machine_digest() -> str:
    import llvmlite
    import numba
    import numpy
    from llvmlite import binding

    switches = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    facts = [sys.version, numba.__version__, llvmlite.__version__, numpy.__version__, *switches]
    facts += [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _cache_root() -> Path:
    if "OFFHOURS_CACHE" in os.environ:
        return Path(os.environ["OFFHOURS_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "offhours"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "offhours"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "offhours"


def _open_cache() -> Path:
    """The folder of this digest, made if absent; a private temporary one where the cache cannot be written."""
    name = f"kernels-{source_digest()}-{_machine_digest()}"
    try:
        folder = _cache_root() / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".used").write_text(str(time.time()))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="offhours-kernels-"))
    _forget_old(folder)
    return folder


def _forget_old(current: Path) -> None:
    """Keep the kernels of the last few sources; older folders belong to code that is gone."""

    def last_used(folder: Path) -> float:
        stamp = folder / ".used"
        return stamp.stat().st_mtime if stamp.exists() else 0.0

    others = [f for f in current.parent.glob("kernels-*") if f != current]
    for folder in sorted(others, key=last_used, reverse=True)[_CACHES_KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


if COMPILED:
    import numba
    from numba.core import types
    from numba.extending import intrinsic

    CACHE_FOLDER: Path | None = _open_cache()

    def kernel(function: Function) -> Function:
        """Compile `function` on first call, without reference counts and without the interpreter lock."""
        outside = numba.config.CACHE_DIR  # type: ignore[attr-defined]
        numba.config.CACHE_DIR = str(CACHE_FOLDER)  # type: ignore[attr-defined]
        try:
            compiled = numba.njit(_nrt=False, nogil=True, cache=True, error_model="python")(function)
        finally:
            numba.config.CACHE_DIR = outside  # type: ignore[attr-defined]
        KERNELS.append(compiled)
        return compiled  # type: ignore[no-any-return]

    @intrinsic
    def _ctz(typingctx: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], context.get_constant(types.boolean, 1))

        return types.int64(types.int64), generate

    @intrinsic
    def _clz(typingctx: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctlz(arguments[0], context.get_constant(types.boolean, 1))

        return types.int64(types.int64), generate

    @kernel
    def lowest_bit(word: int) -> int:
        """Position of the lowest set bit of a positive int64 (0 is the unit's place)."""
        return _ctz(word)  # type: ignore[no-any-return]

    @kernel
    def highest_bit(word: int) -> int:
        """Position of the highest set bit of a positive int64."""
        return 63 - _clz(word)  # type: ignore[no-any-return]

else:
    CACHE_FOLDER = None

    def kernel(function: Function) -> Function:
        """The uncompiled face: `function` itself."""
        KERNELS.append(function)
        return function

    def lowest_bit(word: int) -> int:
        """Position of the lowest set bit of a positive int64 (0 is the unit's place)."""
        return (word & -word).bit_length() - 1

    def highest_bit(word: int) -> int:
        """Position of the highest set bit of a positive int64."""
        return word.bit_length() - 1
