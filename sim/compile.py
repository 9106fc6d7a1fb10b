"""How a kernel becomes machine code: `@kernel`, a few bit primitives, and a compile cache that cannot be stale.

A kernel is plain Python that happens to compile: with ``OFFHOURS_COMPILE=0`` (or ``NUMBA_DISABLE_JIT=1``) the same sources
run uncompiled and give the same bits. Compiled kernels count no references (``_nrt=False``), hold no interpreter lock and
live in a cache folder whose name is a digest of everything that shaped them: all sources of ``sim/`` and ``agents/``, the
versions of Python, numba, llvmlite and numpy, the processor's name and features, and every ``NUMBA_`` switch. numba's own
cache watches only the file of the function itself, and reuses unchecked code when bounds checks are switched on.

A kernel that Python enters is a *door*, compiled whole; one that a kernel calls is a *part* of it, typed and lowered once and
kept for other doors. A door with many parts is compiled by several processes at once: see :mod:`offhours.sim.ahead`.
"""

from __future__ import annotations

import hashlib
import os
import pickle
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

_RARE: set[Any] = set()

_CACHES_KEPT = 3

ROOMS = tuple(f"{__name__.removesuffix('.sim.compile')}.{room}." for room in ("sim", "agents"))


def rare(function: Function) -> Function:
    """Say below `@kernel` that others seldom come to call it: it then takes no room in their code, and what is common gains it."""
    _RARE.add(function)
    return function


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
    facts = [
        sys.version,
        str(sys.flags.optimize),
        numba.__version__,
        llvmlite.__version__,
        numpy.__version__,
        *switches,
    ]
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


def _open_parts(folder: Path) -> Path | None:
    """The folder of kept parts; None where nothing can be kept, or the cache is a private one that nobody else looks into."""
    if folder.parent != cache_root():
        return None
    parts = folder / "parts"
    try:
        parts.mkdir(exist_ok=True)
    except OSError:
        return None
    return parts


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
    from llvmlite.binding import parse_bitcode
    from numba.core import serialize, sigutils, types
    from numba.core.bytecode import FunctionIdentity
    from numba.core.caching import FunctionCache, NullCache
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler, compile_result
    from numba.core.environment import Environment
    from numba.core.registry import CPUDispatcher, cpu_target
    from numba.core.untyped_passes import ExtractByteCode
    from numba.extending import intrinsic

    _FOLDER = _open_cache()
    CACHE_FOLDER: Path | None = _FOLDER
    PARTS_FOLDER: Path | None = _open_parts(_FOLDER)

    class _Part(JITCodeLibrary):  # type: ignore[misc]
        """The code of a kernel that is only a part of others: typed and lowered, but never optimised or emitted alone.

        numba otherwise links, optimises and emits every function together with all it calls, again for each caller above it.
        A part knows the names of the parts that it calls; a door takes in each of them once.
        """

        _linking_libraries: list[Any]
        needs: tuple[str, ...] = ()
        bitcode: bytes | None = None
        rare = False

        def finalize(self) -> None:
            self.needs = tuple(dict.fromkeys(part.name for part in self._linking_libraries if isinstance(part, _Part)))
            own = _defined(self._final_module)
            for name in own if self.rare else ():
                for attribute in ("cold", "noinline"):
                    self._final_module.get_function(name).add_function_attribute(attribute)
            for library in self._linking_libraries:
                if not isinstance(library, _Part):
                    self._final_module.link_in(library._get_module_for_linking(), preserve=True)
            # numba numbers its own functions anew in each process: another's of that name must not be taken for them.
            _keep_inside(self._final_module, own)
            self._linking_libraries = []
            self._finalized = True

        def module(self) -> Any:
            """A copy of the code, to be taken in."""
            return self._final_module.clone() if self.bitcode is None else parse_bitcode(self.bitcode)

        def get_pointer_to_function(self, name: str) -> int:
            return 0

        @property
        def codegen(self) -> Any:
            return _Silent(self._codegen)

    _PARTS: dict[str, _Part] = {}
    """The parts that this process has compiled or looked for, by name."""

    class _Whole(JITCodeLibrary):  # type: ignore[misc]
        """The code of a door: its own, its parts' and theirs, each once. Nothing in it is called from outside but the door.

        That nobody else calls them lets LLVM put into their callers whatever is called once, and leave out what is never used.
        """

        _linking_libraries: list[Any]

        def finalize(self) -> None:
            names: dict[str, None] = {}
            waiting = [library.name for library in self._linking_libraries if isinstance(library, _Part)]
            while waiting:
                name = waiting.pop()
                if name not in names:
                    names[name] = None
                    waiting += _part(name).needs
            own = _defined(self._final_module)
            for name in sorted(names):
                self._final_module.link_in(_part(name).module())
            _keep_inside(self._final_module, own)
            self._linking_libraries = [each for each in self._linking_libraries if not isinstance(each, _Part)]
            super().finalize()

    def _defined(module: Any) -> set[str]:
        return {function.name for function in module.functions if not function.is_declaration}

    def _keep_inside(module: Any, own: set[str]) -> None:
        """Let nobody outside a module call what is in it, but its `own` functions."""
        for function in module.functions:
            if not function.is_declaration and function.name not in own:
                function.linkage = "internal"

    class _Silent:
        """A code generator that has no environment to set, because its function is never called from Python."""

        def __init__(self, codegen: Any) -> None:
            self._codegen = codegen

        def __getattr__(self, name: str) -> Any:
            return getattr(self._codegen, name)

        def set_env(self, name: str, environment: Any) -> None:
            """A part has no entry of its own."""

    class _PartCompiler(Compiler):  # type: ignore[misc]
        def compile_extra(self, function: Any) -> Any:
            """numba's own, but that a part which is kept has the same name in every process."""
            identity = self.state.func_id = FunctionIdentity.from_function(function)
            name = _part_name(function, self.state.args)
            if is_kept(function):
                identity.unique_id = None
            else:
                name += f"-{identity.unique_id}"
            self.state.library = _PARTS[name] = _Part(self.state.targetctx.codegen(), name)
            self.state.library.rare = function in _RARE
            ExtractByteCode().run_pass(self.state)
            self.state.lifted, self.state.lifted_from = (), None
            return self._compile_bytecode()

    class _WholeCompiler(Compiler):  # type: ignore[misc]
        def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
            whole = _Whole(targetctx.codegen(), "whole")
            whole.enable_object_caching()
            super().__init__(typingctx, targetctx, whole, *rest)

    # Parts that are kept -----------------------------------------------------------------------------------------------

    def is_kept(function: Any) -> bool:
        """Whether a kernel's part may be kept: the cache folder is named by the sources of these two rooms only."""
        return PARTS_FOLDER is not None and function.__module__.startswith(ROOMS) and "<" not in function.__qualname__

    def _part_name(function: Any, arguments: Any) -> str:
        kinds = hashlib.sha256(",".join(map(str, arguments)).encode()).hexdigest()[:8]
        return f"{function.__module__}.{function.__qualname__}-{kinds}"

    def _read_part(name: str) -> tuple[_Part, bytes] | None:
        """A part that is kept, and how numba knows it; None where there is none."""
        assert PARTS_FOLDER is not None
        try:
            kept = (PARTS_FOLDER / f"{name}.part").read_bytes()
        except OSError:
            return None
        part = _PARTS[name] = _Part(cpu_target.target_context.codegen(), name)
        part.needs, part.bitcode, known = pickle.loads(kept)
        part._finalized = True
        return part, known

    def _part(name: str) -> _Part:
        """A part that another one needs."""
        if name not in _PARTS and _read_part(name) is None:
            raise RuntimeError(f"{CACHE_FOLDER} has lost {name}: remove that folder, and kernels are compiled anew")
        return _PARTS[name]

    class _Shelf(NullCache):  # type: ignore[misc]
        """Where the parts of one kernel are kept, so that another process, and a later door, need not type and lower them."""

        def __init__(self, function: Any) -> None:
            self._function = function

        def load_overload(self, signature: Any, context: Any) -> Any:
            """A part as numba knows it, or None."""
            found = _read_part(_part_name(self._function, sigutils.normalize_signature(signature)[0]))
            if found is None:
                return None
            part, known = found
            described, typed = pickle.loads(known)
            environment = Environment.from_fndesc(described)
            return compile_result(
                typing_context=context.typing_context,
                target_context=context,
                entry_point=context.get_executable(part, described, environment),
                typing_error=None,
                type_annotation="",
                signature=typed,
                objectmode=False,
                lifted=(),
                fndesc=described,
                library=part,
                call_helper=None,
                environment=environment,
                metadata=None,
                reload_init=(),
                referenced_envs=(),
            )

        def save_overload(self, signature: Any, result: Any) -> None:
            """Keep a part, if all it needs is kept. Where that cannot be it is compiled anew next time."""
            assert PARTS_FOLDER is not None
            part, described = result.library, result.fndesc
            part._ensure_finalized()
            described.typemap = described.calltypes = None
            if not all((PARTS_FOLDER / f"{name}.part").exists() for name in part.needs):
                return
            part.bitcode = part._final_module.as_bitcode()
            part._final_module = None
            known = serialize.dumps((described, result.signature))
            partial = PARTS_FOLDER / f".{part.name}.{os.getpid()}"
            try:
                partial.write_bytes(pickle.dumps((part.needs, part.bitcode, known)))
                partial.replace(PARTS_FOLDER / f"{part.name}.part")
            except OSError:
                partial.unlink(missing_ok=True)

    class _Doors(FunctionCache):  # type: ignore[misc]
        """Where one kernel is kept as a door. What is not there yet is compiled ahead, if that helps."""

        def __init__(self, part: Kernel) -> None:
            self._part = part
            outside = numba.config.CACHE_DIR
            numba.config.CACHE_DIR = str(CACHE_FOLDER)
            try:
                super().__init__(part.py_func)
            finally:
                numba.config.CACHE_DIR = outside

        def load_overload(self, signature: Any, context: Any) -> Any:
            """A door as numba knows it, or None where it is to be compiled."""
            found = super().load_overload(signature, context)
            if found is None:
                from offhours.sim.ahead import compile_ahead

                if compile_ahead(self._part, sigutils.normalize_signature(signature)[0]):
                    found = super().load_overload(signature, context)
            return found

    class Kernel(CPUDispatcher):  # type: ignore[misc]
        """A kernel: other kernels take it in as a part; called from Python, it is a door, compiled whole and cached."""

        door: Any

        def is_kept_for(self, arguments: Any) -> bool:
            """Whether there is a part for arguments of these types."""
            return PARTS_FOLDER is not None and (PARTS_FOLDER / f"{_part_name(self.py_func, arguments)}.part").exists()

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
        if is_kept(function):
            part._cache = _Shelf(function)
        part.door = CPUDispatcher(function, targetoptions=_OPTIONS, pipeline_class=_WholeCompiler)
        part.door._cache = _Doors(part)
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
    PARTS_FOLDER = None

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
