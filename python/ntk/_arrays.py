"""NumPy arrays as ntk_array: the same memory, any strides.

An array of float64 or float32 is handed over as it lies.  Anything else that holds real numbers (lists, integers, foreign byte order) is
converted to float64, which is the one copy that is ever made; results are written straight into the caller's `out`.
"""
import ctypes

import numpy as np

from . import _abi

_CODES = {np.dtype(np.float64): _abi.F64, np.dtype(np.float32): _abi.F32}


def _as_it_lies(array):
    whole = all(step % array.itemsize == 0 for step in array.strides)
    return array.dtype in _CODES and array.flags.aligned and whole


def numbers(value):
    """value as an array that the library can read in place."""
    array = np.asarray(value)
    if _as_it_lies(array):
        return array
    narrow = array.dtype.kind == "f" and array.itemsize == 4
    return array.astype(np.float32 if narrow else np.float64, order="C", casting="same_kind")


def view(array):
    """The ntk_array of an array, valid as long as the array is; None stays None."""
    if array is None:
        return None
    a = _abi.Array(data=array.ctypes.data, dtype=_CODES[array.dtype], ndim=array.ndim)
    for i in range(min(array.ndim, _abi.MAX_NDIM)):
        a.shape[i] = array.shape[i]
        a.strides[i] = array.strides[i] // array.itemsize if array.size else 1  # NumPy's are 0 where there is nothing
    return a


def structure(mask=None, graph=None):
    """The ntk_structure of what comes with a data set: mask [n, positions...] of valid positions, graph [n, V, V]; None if neither is given."""
    if mask is None and graph is None:
        return None
    arrays = {name: numbers(a) for name, a in (("mask", mask), ("graph", graph)) if a is not None}
    s = _abi.DataStructure(**{name: _abi.ARRAY(view(a)) for name, a in arrays.items()})
    s.alive = arrays
    return s


def pointer_to(s):
    """A pointer for a member of another structure: NULL for None."""
    return None if s is None else ctypes.pointer(s)


def result(out, shape, dtype=np.float64):
    """The caller's `out`, or a new array."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or not _as_it_lies(out):
        raise TypeError(f"out is no aligned NumPy array of float64 or float32 but {type(out).__name__}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    return out
