"""Networks, optimizers and Jacobians."""
import ctypes
import json

import numpy as np

from . import _abi
from ._arrays import numbers, result, view
from ._context import Handle, call


class Network(Handle):
    """A network from its JSON text, or from the same as a dict, or from a list of layers and the shape of one input:

        Network([{"op": "dense", "units": 64}, {"op": "relu"}, {"op": "dense", "units": 1}], input=[2])
    """

    noun = "network"

    def __init__(self, description, input=None, parameterization="ntk"):
        if isinstance(description, (list, tuple)):
            description = {"format": "ntk-network", "version": 1, "input": [int(n) for n in input], "parameterization": parameterization,
                           "layers": list(description)}
        text = description if isinstance(description, str) else json.dumps(description)
        super().__init__("network_parse", text.encode())

    parameters = property(lambda self: self._get("parameters"))
    outputs = property(lambda self: self._get("outputs"))
    layers = property(lambda self: self._get("layers"))

    @property
    def input(self):
        shape = (ctypes.c_int64 * _abi.MAX_NDIM)()
        return tuple(shape[:self._get("input", shape)])

    def widen(self, width):
        """The same network with `width` units in every hidden layer."""
        return Network._made("network_widen", self, width)

    def format(self):
        """The network as JSON text."""
        needed = ctypes.c_size_t()
        call("network_format", self, None, 0, needed)
        text = ctypes.create_string_buffer(needed.value)
        call("network_format", self, text, needed.value, None)
        return text.value.decode()

    def initialize(self, seed=0, out=None):
        """theta [p], drawn as the parameterisation says."""
        out = result(out, self.parameters)
        call("network_initialize", self, seed, view(out))
        return out

    def _pass(self, name, arrays, shape, out):
        arrays = [numbers(a) for a in arrays]
        out = result(out, shape(arrays[1]))
        call("network_" + name, self, *map(view, arrays), view(out))
        return out

    def _outputs_of(self, x):
        return len(x), self.outputs

    def forward(self, theta, x, out=None):
        """f(theta, x) [n, o]."""
        return self._pass("forward", (theta, x), self._outputs_of, out)

    def jvp(self, theta, x, v, out=None):
        """J v [n, o]."""
        return self._pass("jvp", (theta, x, v), self._outputs_of, out)

    def vjp(self, theta, x, u, out=None):
        """Jᵀ u [p]."""
        return self._pass("vjp", (theta, x, u), lambda x: self.parameters, out)


class Optimizer(Handle):
    """D of the preconditioned gradient: Optimizer() is the identity."""

    noun = "optimizer"

    def __init__(self):
        super().__init__("optimizer_identity")

    @classmethod
    def adam(cls, second_moment, epsilon=1e-8):
        return cls._made("optimizer_adam", view(a := numbers(second_moment)), epsilon, keeps=(a,))

    @classmethod
    def adam_of_run(cls, gradients, beta2=0.999, epsilon=1e-8):
        """Adam after a run of gradients [m, p], with the correction of its bias."""
        gradients = np.atleast_2d(numbers(gradients))
        moment = cls.adam_update(gradients, np.zeros(gradients.shape[1]), beta2)
        return cls._made("optimizer_adam_after", view(moment), beta2, len(gradients), epsilon)

    @staticmethod
    def adam_update(gradients, second_moment, beta2=0.999):
        """The second moment [p] after further gradients [m, p]: a new array."""
        gradients, moment = numbers(gradients), np.array(second_moment, dtype=float)
        call("optimizer_adam_update", view(gradients), beta2, view(moment))
        return moment

    @classmethod
    def diagonal(cls, d):
        return cls._made("optimizer_diagonal", view(a := numbers(d)), keeps=(a,))

    parameters = property(lambda self: self._get("parameters"))

    def get_diagonal(self, parameters=None, out=None):
        """D; of the identity, `parameters` ones."""
        out = result(out, self.parameters or parameters or 0)
        call("optimizer_get_diagonal", self, view(out))
        return out


class Jacobian(Handle):
    """J of a network at theta on x, as an operator."""

    noun = "jacobian"

    def __init__(self, network, theta, x):
        theta, x = numbers(theta), numbers(x)
        super().__init__("jacobian_from_network", network, view(theta), view(x), keeps=(network,))

    @classmethod
    def from_matrix(cls, j, outputs=1):
        """The caller's own j [n o, p].  Borrowed: it must not change as long as anything made from it is in use."""
        return cls._made("jacobian_from_matrix", view(a := numbers(j)), outputs, keeps=(a,))

    shape = property(lambda self: (self._get("rows"), self._get("columns")))
    outputs = property(lambda self: self._get("outputs"))

    def _map(self, name, vector, size, out):
        vector, out = numbers(vector), result(out, size)
        call(name, self, view(vector), view(out))
        return out

    def apply(self, v, out=None):
        """J v."""
        return self._map("jacobian_apply", v, self.shape[0], out)

    def apply_transposed(self, u, out=None):
        """Jᵀ u."""
        return self._map("jacobian_apply_transposed", u, self.shape[1], out)

    def rows(self, first=0, count=None, out=None):
        """Rows first, first + 1, ... as numbers."""
        out = result(out, (self.shape[0] - first if count is None else count, self.shape[1]))
        call("jacobian_get_rows", self, first, view(out))
        return out

    def fisher_multiply(self, v, out=None):
        """F v = Jᵀ J v."""
        return self._map("fisher_multiply", v, self.shape[1], out)

    def fisher_norm(self, delta):
        """|J delta|."""
        delta, norm = numbers(delta), ctypes.c_double()
        call("fisher_norm", self, view(delta), norm)
        return norm.value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.rows(), dtype)
