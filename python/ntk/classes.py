"""Classification by regression on coded labels: labels are whole numbers 0 ... c-1, outputs and probabilities arrays [m, c]."""
import ctypes

import numpy as np

from . import _abi
from ._arrays import numbers, result, view
from ._context import call


def _labels(values):
    """The ntk_array of labels, with its memory."""
    array = np.ascontiguousarray(values, np.int64)
    a = _abi.Array(data=array.ctypes.data, dtype=_abi.I64, ndim=array.ndim)
    for i in range(array.ndim):
        a.shape[i], a.strides[i] = array.shape[i], array.strides[i] // 8 if array.size else 1
    a.memory = array
    return a


def code(labels, classes=None):
    """1 in the column of the label, else 0, minus 1/c."""
    labels = np.asarray(labels)
    out = np.empty((len(labels), int(labels.max(initial=0)) + 1 if classes is None else classes))
    call("classes_code", _labels(labels), view(out))
    return out


def decide(f):
    """The column of the largest output."""
    f = numbers(f)
    labels = _labels(np.empty(len(f), np.int64))
    call("classes_decide", view(f), labels)
    return labels.memory


def temperature(f, labels):
    """The T of softmax(f/T) under which labels are most likely; of leave-one-out outputs: a calibration."""
    value = ctypes.c_double()
    call("classes_temperature", view(numbers(f)), _labels(labels), value)
    return value.value


def probabilities(f, temperature=1.0, out=None):
    """softmax(f/temperature)."""
    f = numbers(f)
    out = result(out, f.shape, f.dtype)
    call("classes_probabilities", view(f), temperature, view(out))
    return out


def score(p, labels):
    """Accuracy, and mean of -log p(label)."""
    accuracy, nll = ctypes.c_double(), ctypes.c_double()
    call("classes_score", view(numbers(p)), _labels(labels), accuracy, nll)
    return accuracy.value, nll.value
