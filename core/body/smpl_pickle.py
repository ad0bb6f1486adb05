"""Reading the pickles of SMPL and of data sets without executing anything in them.

The files were written by Python 2 and hold NumPy arrays, `chumpy` arrays and SciPy sparse matrices.
Each class or function that such a file may name is replaced by a stand-in that only keeps data; any
other name is an error. Neither chumpy nor SciPy nor NumPy's own unpickling code is called.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from core.io.npz import check_text

_PLAIN = re.compile(r"[|<>=]?([biuf](1|2|4|8)|[US][1-9]\d{0,5})|bool")
_MAX_DEPTH = 40
_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")
_MAX_DENSE = 2**26  # elements of a dense matrix: 512 MiB of float64


class UnsafePickleError(Exception):
    """The pickle names something outside the allow-list."""


class _DType:
    """Stands for `numpy.dtype`: the code of a plain number or text, or None for anything else."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code if isinstance(code, str) and _PLAIN.fullmatch(code) else None
        self.order: Literal["<", ">", "="] = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="

    def decode(self, raw: bytes | bytearray | str, shape: tuple[int, ...]) -> np.ndarray | None:
        """The values in ``raw`` as a native array of its own; None for what is not plain."""
        if self.code is None:
            return None
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        dtype = np.dtype(self.code).newbyteorder(self.order)
        array = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("=")).reshape(shape)
        if dtype.kind == "U":
            check_text(array)
        return array


class _Array:
    """Stands for `numpy.ndarray`; ``objects`` is the flat list of an array of objects."""

    value: np.ndarray | None = None
    objects: list | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, raw = state
        if isinstance(raw, list):
            self.objects = raw
            return
        flat = dtype.decode(raw, (-1,))
        if flat is not None:
            self.value = flat.reshape(shape, order="F" if fortran else "C")


class _Chumpy:
    """Stands for `chumpy.ch.Ch`, which keeps its numbers under ``x``."""

    state: ClassVar[dict[str, Any]] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state  # type: ignore[misc]  # its own, hiding the class's empty one

    @property
    def value(self) -> object:
        return self.state.get("x")


class _Sparse:
    """Stands for SciPy's compressed matrices; ``value`` is the dense one."""

    by_column = False
    state: ClassVar[dict[str, Any]] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state  # type: ignore[misc]  # its own, hiding the class's empty one

    @property
    def value(self) -> np.ndarray:
        shape = tuple(int(n) for n in self.state.get("_shape", self.state.get("shape", ())))
        if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] > _MAX_DENSE:
            raise ValueError(f"a sparse matrix of shape {shape}")
        data, inner, pointers = (unwrap(self.state[key]) for key in ("data", "indices", "indptr"))
        dense = np.zeros(shape[::-1] if self.by_column else shape)
        if len(pointers) != len(dense) + 1:
            raise ValueError("a sparse matrix whose index does not fit its shape")
        outer = np.repeat(np.arange(len(dense)), np.diff(pointers))
        np.add.at(dense, (outer, inner), data)
        return dense.T if self.by_column else dense


class _SparseColumns(_Sparse):
    """Stands for `scipy.sparse.csc_matrix`."""

    by_column = True


def _reconstruct(kind: type, *_: object) -> object:
    """An empty stand-in, filled by the state that follows in the file."""
    if kind not in (_Array, _Chumpy, _Sparse, _SparseColumns):
        raise UnsafePickleError(f"an object of {kind!r}")
    return kind()


def _scalar(dtype: _DType, raw: bytes | str = b"") -> object:
    number = dtype.decode(raw, (-1,))
    return None if number is None else number[0]


def _from_buffer(raw: bytes, dtype: _DType, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(raw)))
    return array


def _encode(text: str, _: str = "latin1") -> bytes:
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stands for ``bytes()``, by which old protocols write an empty string."""
    return b""


_STAND_INS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy", "Ch"): _Chumpy,
    ("_codecs", "encode"): _encode,
    # The base class that old protocols name as well; `_reconstruct` ignores it.
    **{(m, "object"): object for m in ("__builtin__", "builtins")},
    **{(m, "bytes"): _no_bytes for m in ("__builtin__", "builtins")},
    **{(m, "set"): set for m in ("__builtin__", "builtins")},
    **{(m, "_reconstructor"): _reconstruct for m in ("copy_reg", "copyreg")},
    **{(f"numpy.{c}.multiarray", "_reconstruct"): _reconstruct for c in ("core", "_core")},
    **{(f"numpy.{c}.multiarray", "scalar"): _scalar for c in ("core", "_core")},
    **{(f"numpy.{c}.numeric", "_frombuffer"): _from_buffer for c in ("core", "_core")},
    **{(f"scipy.sparse{m}", "csc_matrix"): _SparseColumns for m in ("", ".csc", "._csc")},
    **{(f"scipy.sparse{m}", "csr_matrix"): _Sparse for m in ("", ".csr", "._csr")},
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows the stand-ins and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise UnsafePickleError(f"{module}.{name}") from None


def unwrap(value: object) -> np.ndarray:
    """The dense array behind a stand-in or several nested ones.

    Raises:
        ValueError: there is no array, or a sparse matrix is damaged.
    """
    for _ in range(4):
        if isinstance(value, np.ndarray):
            return value
        if not isinstance(value, _Array | _Chumpy | _Sparse):
            break
        value = value.value
    raise ValueError("not an array of numbers")


def read_pickle(data: bytes) -> dict[str, object]:
    """The dictionary in an SMPL pickle; `unwrap` turns its values into arrays.

    Raises:
        UnsafePickleError: the pickle names something that no SMPL file needs.
        ValueError: the pickle is damaged, or does not hold a dictionary.
    """
    found = _load(data)
    if not isinstance(found, dict):
        raise ValueError(f"the pickle holds a {type(found).__name__}, not a dictionary")
    return found


def read_tree(data: bytes) -> object:
    """What a pickle holds: dictionaries, lists, tuples, text, numbers and arrays of plain values.

    An array of objects becomes a list; a value without a plain form becomes None.

    Raises:
        UnsafePickleError: the pickle names something outside the allow-list.
        ValueError: the pickle is damaged, nested too deeply, or contains itself.
    """
    return _plain(_load(data), {})


def _load(data: bytes) -> object:
    try:
        _check_memo(data)
        return _Reader(io.BytesIO(data), encoding="latin1").load()
    except UnsafePickleError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise ValueError(f"damaged pickle: {error}") from error


def _check_memo(data: bytes) -> None:
    """Refuse memo numbers that no file of this size needs.

    The unpickler makes room up to the largest number: seven bytes could take eight gigabytes.
    """
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in _MEMO and int(argument or 0) > len(data):
            raise ValueError(f"memo number {argument} in {len(data)} bytes")


def _plain(value: object, done: dict[int, object], depth: int = 0) -> object:
    """The value without stand-ins; ``done`` holds the results for values that occur repeatedly."""
    if depth > _MAX_DEPTH:
        raise ValueError("a pickle nested too deeply")
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        return value
    if id(value) not in done:
        done[id(value)] = _plain_container(value, done, depth + 1)
    return done[id(value)]


def _plain_container(value: object, done: dict[int, object], depth: int) -> object:
    if isinstance(value, _Array) and value.objects is not None:
        return _plain(value.objects, done, depth)
    if isinstance(value, _Array | _Chumpy | _Sparse):
        try:
            return unwrap(value)
        except ValueError:
            return None
    if isinstance(value, list | tuple):
        return type(value)([_plain(item, done, depth) for item in value])
    if isinstance(value, dict):
        return {key: _plain(item, done, depth) for key, item in value.items()}
    return None
