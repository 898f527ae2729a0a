"""Hyperparameters of a network from data."""
import ctypes

import numpy as np

from . import _abi
from ._arrays import numbers, result, view
from ._context import Handle, call, enumerator
from ._finite import Network
from ._kernels import _columns


class Tuner(Handle):
    """Evidence or leave-one-out score of a network's kernel on data, and its gradient, as a function of w_std, b_std, lr and the noise.

        tuner = ntk.Tuner(net, x, y)
        fun = lambda z: tuner.negative_logs(z)          # for scipy.optimize.minimize(fun, np.log(tuner.values()), jac=True)
    """

    noun = "tuner"

    def __init__(self, network, x, y, objective="evidence", kind="ntk", noise=0.0):
        options = _abi.TunerOptions(kind=enumerator("kind", kind), objective=enumerator("objective", objective), noise=noise)
        super().__init__("tuner_create", network, view(numbers(x)), view(_columns(numbers(y))), options, keeps=(network,))

    def __len__(self):
        return self._get("parameters")

    def names(self):
        """"layers[0].w_std", ..., "noise"."""
        text = ctypes.create_string_buffer(1 << 16)
        out = []
        for i in range(len(self)):
            call("tuner_get_name", self, i, text, len(text))
            out.append(text.value.decode())
        return out

    def values(self, out=None):
        """The network's own."""
        out = result(out, len(self))
        call("tuner_get_values", self, view(out))
        return out

    def evaluate(self, values):
        """(objective, gradient) at values."""
        value, gradient = ctypes.c_double(), np.empty(len(self))
        call("tuner_evaluate", self, view(numbers(values)), value, view(gradient))
        return value.value, gradient

    def negative_logs(self, logs):
        """(-objective, its gradient) as a function of the logarithms of the values: what minimisers take."""
        values = np.exp(numbers(logs))
        value, gradient = self.evaluate(values)
        return -value, -gradient * values

    def network(self, values):
        """The network with values."""
        return Network._made("tuner_network", self, view(numbers(values)))
