"""Tables and knobs by annotation: column, unit, range, sentence and basis are written once, in the room they belong to.

A table is a class whose annotations are its columns::

    class Order:
        \"\"\"One resting order.\"\"\"

        price_ticks: A[int, Column("i8", "ticks", "limit price")]

    orders = table(Order)

and ``orders(world)[slot].price_ticks`` reads it. That one function has two faces. Compiled, it builds a view without an
owner from an address and a length (so nothing is reference counted); uncompiled, it returns rows whose columns read as Python
``int`` and ``float`` and refuse what does not fit. Columns that are computed with are ``i8`` or ``f8``; narrower ones hold links,
codes and flags and are only compared.

A table whose columns are :class:`Knob` is a room's rules: one row per instrument, filled from text at the door.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated as A
from typing import Any, Generic, NewType, Protocol, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np

from offhours.sim.compile import COMPILED

__all__ = [
    "A",
    "Accessor",
    "Block",
    "Column",
    "Knob",
    "Memory",
    "Rows",
    "Spec",
    "World",
    "columns_of",
    "prefetch",
    "spec_of",
    "table",
    "update_digest",
]

Row = TypeVar("Row")
RowCovariant = TypeVar("RowCovariant", covariant=True)

World = NewType("World", int)
"""Handle of a block of tables: an address when compiled, the :class:`Memory` itself when not."""


@dataclass(frozen=True)
class Column:
    """A column: how it is stored, its unit, and what it means."""

    dtype: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Knob:
    """A column that a person sets: default and bounds as people write them, unit, meaning, and the basis of the default.

    `unit` is one of ``units.UNITS`` or ``"choice"``, where `choices` lists the words in the order of their codes.
    `basis` begins with one of ``rule:``, ``measured:``, ``literature:``, ``chosen:``.
    """

    default: str
    unit: str
    low: str
    high: str
    meaning: str
    basis: str
    choices: tuple[str, ...] = ()


class Rows(Protocol[RowCovariant]):
    """The rows of a table inside a kernel."""

    def __getitem__(self, index: int, /) -> RowCovariant: ...

    def __len__(self) -> int: ...


@dataclass
class Spec(Generic[Row]):
    """What is known of a table outside the kernels."""

    row: type[Row]
    name: str
    dtype: np.dtype[Any]
    columns: dict[str, Column | Knob]
    recorded: bool
    slot: int = -1
    block: str = ""


_SPECS: dict[Any, Spec[Any]] = {}

Accessor = Callable[[World], Rows[Any]]


def columns_of(row: type) -> dict[str, Column | Knob]:
    """The columns of a row class in the order they are written."""
    found: dict[str, Column | Knob] = {}
    for name, hint in get_type_hints(row, include_extras=True).items():
        marks = [m for m in get_args(hint)[1:] if isinstance(m, (Column, Knob))] if get_origin(hint) is A else []
        if len(marks) != 1:
            raise TypeError(f"{row.__name__}.{name}: a column is written A[int, Column(...)] or A[int, Knob(...)]")
        found[name] = marks[0]
    return found


def _dtype(row: type) -> np.dtype[Any]:
    hints = get_type_hints(row)
    fields = []
    for name, mark in columns_of(row).items():
        code = mark.dtype if isinstance(mark, Column) else ("f8" if hints[name] is float else "i8")
        fields.append((name, "<" + code))
    return np.dtype(fields, align=True)


def table(row: type[Row], *, recorded: bool = False) -> Callable[[World], Rows[Row]]:
    """Declare a table and return the function that reaches it.

    A recorded table is a log: the kernel appends, Python drains it between calls; it is not part of a market's state.
    """
    spec: Spec[Row] = Spec(row, row.__name__, _dtype(row), columns_of(row), recorded)

    def rows(world: World) -> Rows[Row]:
        memory = cast("Memory", world)
        return cast("Rows[Row]", memory.plain_rows(spec))

    rows.__name__ = rows.__qualname__ = f"table_{row.__name__}"
    rows.__doc__ = row.__doc__
    _SPECS[rows] = spec
    if COMPILED:
        _compile_access(rows, spec)
    return rows


def spec_of(accessor: Any) -> Spec[Any]:
    """The description of a table, given the function that reaches it."""
    return _SPECS[accessor]


if COMPILED:
    import operator

    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.datamodel.models import ArrayModel
    from numba.extending import intrinsic, lower_builtin, register_model, type_callable
    from numba.np import numpy_support
    from numba.np.arrayobj import make_array, populate_array

    class _RowsType(types.Array):
        """Rows of a table: an array view whose index counts from the first row only.

        numba's own arrays turn a negative index round, which costs a load, a comparison and a selection at every access.
        """

        def __init__(self, row: Any) -> None:
            super().__init__(row, 1, "C", aligned=True)
            self.name = f"Rows({row})"

    register_model(_RowsType)(ArrayModel)

    _LINE = 64
    """Bytes of a cache line, or fewer than there are."""

    @lower_builtin(operator.getitem, _RowsType, types.Integer)  # type: ignore[untyped-decorator]
    def _row(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, index_type = signature.args
        view = make_array(rows)(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], index_type, types.intp)
        if context.enable_boundscheck:
            cgutils.do_boundscheck(context, builder, index, builder.extract_value(view.shape, 0), 0)
        place = builder.gep(view.data, [index], inbounds=True)
        return builder.bitcast(place, context.get_value_type(signature.return_type))

    @intrinsic  # type: ignore[untyped-decorator]
    def prefetch(typingctx: Any, rows: Any, index: Any) -> Any:
        """Ask the processor for the cache lines of a row that is used soon. Nothing changes, whatever the index."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            row = builder.gep(make_array(rows)(context, builder, arguments[0]).data, [arguments[1]])
            first = builder.ptrtoint(row, context.get_value_type(types.intp))
            byte, hint = cgutils.voidptr_t, context.get_value_type(types.int32)
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [byte, hint, hint, hint]),
                "llvm.prefetch.p0",
            )
            # For writing, to be kept close, data.
            hints = [context.get_constant(types.int32, code) for code in (1, 3, 1)]
            for offset in (*range(0, rows.dtype.size - 1, _LINE), rows.dtype.size - 1):
                address = builder.add(first, context.get_constant(types.intp, offset))
                builder.call(function, [builder.inttoptr(address, byte), *hints])
            return context.get_dummy_value()

        return types.none(rows, types.int64), generate

else:

    def prefetch(rows: Rows[Any], index: int) -> None:
        """Ask the processor for the cache lines of a row that is used soon. Nothing changes, whatever the index."""


def _compile_access(rows: Callable[[World], Any], spec: Spec[Any]) -> None:
    """Teach numba that `rows(address)` is an array view without an owner."""
    view_type = _RowsType(numpy_support.from_dtype(spec.dtype))

    def typer(context: Any) -> Any:
        def of(world: Any) -> Any:
            return view_type if isinstance(world, types.Integer) else None

        return of

    type_callable(rows)(typer)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if spec.slot < 0:
            raise TypeError(f"table {spec.name} is in no block")
        word = context.get_value_type(types.intp)
        handle = builder.inttoptr(arguments[0], word.as_pointer())
        nothing = builder.module.add_metadata([])

        def load(index: int) -> Any:
            value = builder.load(builder.gep(handle, [context.get_constant(types.intp, index)]))
            value.set_metadata("invariant.load", nothing)
            return value

        view = make_array(view_type)(context, builder)
        itemsize = context.get_constant(types.intp, spec.dtype.itemsize)
        populate_array(
            view,
            data=builder.inttoptr(load(2 * spec.slot), view.data.type),
            shape=[load(2 * spec.slot + 1)],
            strides=[itemsize],
            itemsize=itemsize,
            meminfo=None,
        )
        return view._getvalue()

    lower_builtin(rows, types.Integer)(build)


class Block:
    """An ordered list of tables that live and are copied together; the order fixes each table's slot."""

    def __init__(self, name: str, *accessors: Accessor) -> None:
        self.name = name
        self.accessors = accessors
        for slot, accessor in enumerate(accessors):
            spec = _SPECS[accessor]
            spec.slot, spec.block = slot, name

    def __iter__(self) -> Iterator[Spec[Any]]:
        return (_SPECS[accessor] for accessor in self.accessors)


class Memory:
    """The arrays of one block, owned in one place. `handle` is what kernels take; it dies with this object."""

    def __init__(self, block: Block, counts: Mapping[Accessor, int]) -> None:
        missing = [_SPECS[a].name for a in block.accessors if a not in counts]
        if missing:
            raise KeyError(f"no row count for {', '.join(missing)}")
        self.block = block
        self._counts = {_SPECS[a].name: counts[a] for a in block.accessors}
        self._allocate()

    def _allocate(self, like: Memory | None = None) -> None:
        """One arena for all tables that are state: a fork is then one copy, and untouched pages cost nothing.

        Recorded tables lie in an arena of their own that is never copied: a log is drained before its market is forked.
        """
        offsets: dict[str, int] = {}
        totals = {True: 0, False: 0}
        for spec in self.block:
            offsets[spec.name] = totals[spec.recorded]
            totals[spec.recorded] += (self._counts[spec.name] * spec.dtype.itemsize + 63) // 64 * 64
        self.arena: np.ndarray[Any, Any] = (
            np.zeros(totals[False], dtype=np.uint8) if like is None else like.arena.copy()
        )
        self._log_arena = np.zeros(totals[True], dtype=np.uint8)
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        descriptor = np.zeros(2 * len(self.block.accessors), dtype=np.int64)
        for spec in self.block:
            begin, count = offsets[spec.name], self._counts[spec.name]
            arena = self._log_arena if spec.recorded else self.arena
            view = arena[begin : begin + count * spec.dtype.itemsize].view(spec.dtype)
            self.arrays[spec.name] = view
            descriptor[2 * spec.slot : 2 * spec.slot + 2] = view.ctypes.data, count
        self._descriptor = descriptor
        self._plain: dict[str, _PlainRows] = {}
        self.handle: World = cast(World, int(descriptor.ctypes.data) if COMPILED else self)

    def __getitem__(self, accessor: Accessor) -> np.ndarray[Any, Any]:
        """The structured array of a table, to be read from Python."""
        return self.arrays[_SPECS[accessor].name]

    def plain_rows(self, spec: Spec[Any]) -> _PlainRows:
        """The uncompiled face of a table."""
        assert spec.block == self.block.name, f"{spec.name} is not a table of block {self.block.name}"
        rows = self._plain.get(spec.name)
        if rows is None:
            rows = self._plain[spec.name] = _PlainRows(self.arrays[spec.name])
        return rows

    def copy(self) -> Memory:
        """An independent memory in the same state; its recorded tables are empty."""
        twin = object.__new__(Memory)
        twin.block, twin._counts = self.block, self._counts
        twin._allocate(like=self)
        return twin

    def digest(self) -> str:
        """SHA-256 over (table, column, dtype, little-endian bytes) of all tables that are state, in declared order."""
        digest = hashlib.sha256()
        for spec in self.block:
            if not spec.recorded:
                update_digest(digest, spec, self.arrays[spec.name])
        return digest.hexdigest()


def update_digest(digest: Any, spec: Spec[Any], rows: np.ndarray[Any, Any]) -> None:
    """Feed rows of a table into a hash, column by column, so that padding never counts."""
    for column in spec.columns:
        digest.update(f"{spec.name}.{column}:{spec.dtype[column].str}:{len(rows)};".encode())
        digest.update(np.ascontiguousarray(rows[column]).tobytes())


class _PlainRows:
    """Rows as Python sees them when kernels run uncompiled: bounds-checked, with Python numbers."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        self._columns = {name: array[name] for name in array.dtype.names or ()}

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> _PlainRow:
        if not 0 <= index < len(self._array):
            raise IndexError(f"row {index} of {len(self._array)}")
        return _PlainRow(self._columns, index)


class _PlainRow:
    __slots__ = ("_columns", "_index")
    _columns: dict[str, np.ndarray[Any, Any]]
    _index: int

    def __init__(self, columns: dict[str, np.ndarray[Any, Any]], index: int) -> None:
        object.__setattr__(self, "_columns", columns)
        object.__setattr__(self, "_index", index)

    def __getattr__(self, name: str) -> int | float:
        try:
            return cast("int | float", self._columns[name].item(self._index))
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: int | float) -> None:
        column = self._columns[name]
        if column.dtype.kind == "i":
            whole = int(value)
            if whole != value or not np.iinfo(column.dtype).min <= whole <= np.iinfo(column.dtype).max:
                raise OverflowError(f"{name}: {value!r} does not fit {column.dtype}")
            column[self._index] = whole
        else:
            column[self._index] = float(value)
