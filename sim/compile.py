"""How a kernel becomes machine code: `@kernel`, a few bit primitives, and a compile cache that cannot be stale.

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
import types as python_types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED: bool = os.environ.get("OFFHOURS_COMPILE", "1") != "0" and os.environ.get("NUMBA_DISABLE_JIT", "0") in (
    "",
    "0",
)

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


def cache_root() -> Path:
    """Where what can be made again is kept: compiled kernels, warmed-up markets."""
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
        folder = cache_root() / name
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
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler
    from numba.core.registry import CPUDispatcher
    from numba.extending import intrinsic

    CACHE_FOLDER: Path | None = _open_cache()

    class _Part(JITCodeLibrary):  # type: ignore[misc]
        """The code of a kernel that is only a part of others: typed and lowered, but never optimised or emitted alone.

        numba otherwise optimises and emits every function together with all it calls, again for each caller above it.
        """

        def _optimize_final_module(self) -> None:
            pass

        def _finalize_final_module(self) -> None:
            self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:
            return 0

        @property
        def codegen(self) -> Any:
            return _Silent(self._codegen)

    class _Silent:
        """A code generator that has no environment to set, because its function is never called from Python."""

        def __init__(self, codegen: Any) -> None:
            self._codegen = codegen

        def __getattr__(self, name: str) -> Any:
            return getattr(self._codegen, name)

        def set_env(self, name: str, environment: Any) -> None:
            """A part has no entry of its own."""

    class _PartCompiler(Compiler):  # type: ignore[misc]
        def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
            super().__init__(typingctx, targetctx, _Part(targetctx.codegen(), "part"), *rest)

    class Kernel(CPUDispatcher):  # type: ignore[misc]
        """A kernel: other kernels take it in as a part; called from Python, it is a door, compiled whole and cached."""

        door: Any

        def __call__(self, *arguments: Any) -> Any:
            return self.door(*arguments)

        def get_call_template(self, arguments: Any, keywords: Any) -> Any:
            """Take every integer as int64: numba would compile a copy for each literal, truth value and narrow column."""
            wide = tuple(types.int64 if isinstance(a, (types.Integer, types.Boolean)) else a for a in arguments)
            return super().get_call_template(wide, keywords)

    _OPTIONS = {"nopython": True, "_nrt": False, "nogil": True, "error_model": "python", "no_cfunc_wrapper": True}

    def kernel(function: Function) -> Function:
        """Compile `function` on first call, without reference counts and without the interpreter lock."""
        part = Kernel(function, targetoptions={**_OPTIONS, "no_cpython_wrapper": True}, pipeline_class=_PartCompiler)
        part.door = CPUDispatcher(function, targetoptions=_OPTIONS)
        outside = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(CACHE_FOLDER)
        try:
            part.door.enable_caching()
        finally:
            numba.config.CACHE_DIR = outside
        KERNELS.append(part)
        return part

    @intrinsic  # type: ignore[untyped-decorator]
    def _ctz(typingctx: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], context.get_constant(types.boolean, 1))

        return types.int64(types.int64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def _clz(typingctx: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctlz(arguments[0], context.get_constant(types.boolean, 1))

        return types.int64(types.int64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def _wrapping_sum(typingctx: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.add(*arguments)

        return types.int64(types.int64, types.int64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def _wrapping_product(typingctx: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.mul(*arguments)

        return types.int64(types.int64, types.int64), generate

    @kernel
    def wrapping_sum(a: int, b: int) -> int:
        """a + b modulo 2^64, as an int64. (numba tells LLVM that its own sums and products never overflow.)"""
        return _wrapping_sum(a, b)  # type: ignore[no-any-return]

    @kernel
    def wrapping_product(a: int, b: int) -> int:
        """a x b modulo 2^64, as an int64."""
        return _wrapping_product(a, b)  # type: ignore[no-any-return]

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

    def _wrapped(number: int) -> int:
        return ((number + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)

    def wrapping_sum(a: int, b: int) -> int:
        """a + b modulo 2^64, as an int64."""
        return _wrapped(a + b)

    def wrapping_product(a: int, b: int) -> int:
        """a x b modulo 2^64, as an int64."""
        return _wrapped(a * b)

    def lowest_bit(word: int) -> int:
        """Position of the lowest set bit of a positive int64 (0 is the unit's place)."""
        return (word & -word).bit_length() - 1

    def highest_bit(word: int) -> int:
        """Position of the highest set bit of a positive int64."""
        return word.bit_length() - 1


def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel as the Python function it is written as, with all it calls: for a number now and then nothing is compiled."""
    plain: Any = getattr(function, "py_func", function)
    kernels = {
        name: uncompiled(plain.__globals__[name])
        for name in plain.__code__.co_names
        if hasattr(plain.__globals__.get(name), "py_func")
    }
    if not kernels:
        return plain  # type: ignore[no-any-return]
    return python_types.FunctionType(
        plain.__code__, {**plain.__globals__, **kernels}, plain.__name__, plain.__defaults__
    )
