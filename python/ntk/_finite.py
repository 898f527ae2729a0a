"""Networks, optimizers and Jacobians."""
import ctypes
import json

import numpy as np

from . import _abi
from ._arrays import numbers, result, structure, view
from ._context import Handle, call, current


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

    def initialize(self, seed=0, out=None, dtype=np.float64):
        """theta [p], drawn as the parameterisation says; its type, float64 or float32, is that of all that is done with it."""
        out = result(out, self.parameters, dtype)
        call("network_initialize", self, seed, view(out))
        return out

    def _pass(self, name, arrays, shape, out):
        arrays = [numbers(a) for a in arrays]
        out = result(out, shape(arrays[1]), arrays[0].dtype)
        call("network_" + name, self, *map(view, arrays), view(out))
        return out

    def _outputs_of(self, x):
        return len(x), self.outputs

    def forward(self, theta, x, out=None, mask=None, graph=None):
        """f(theta, x) [n, o]; mask and graph as of Kernel."""
        if mask is None and graph is None:
            return self._pass("forward", (theta, x), self._outputs_of, out)
        theta, x = numbers(theta), numbers(x)
        out = result(out, self._outputs_of(x), theta.dtype)
        call("network_forward_with", self, view(theta), view(x), structure(mask, graph), view(out))
        return out

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


def _into(function, out, *arguments):
    """Runs the user's function in a callback and puts what it gives into `out`; the callback's code."""
    def fill():
        given = np.asarray(function(*arguments))
        if given.size != out.size:
            raise ValueError(f"{getattr(function, '__name__', 'the function')} gave shape {given.shape}; expected {out.shape}")
        out[...] = given.reshape(out.shape)

    _, failed = current().guarded(fill)
    return int(failed)


def _flat(pointer, *shape):
    return np.ctypeslib.as_array(pointer, shape) if np.prod(shape) else np.empty(shape)


def _product(function):
    """The C callback around function(vector) -> vector."""
    if function is None:
        return _abi.PRODUCT()
    return _abi.PRODUCT(lambda _, n, v, m, out: _into(function, _flat(out, m), _flat(v, n).copy()))


def _rows(function):
    if function is None:
        return _abi.ROWS()
    return _abi.ROWS(lambda _, first, count, p, out: _into(function, _flat(out, count, p), first, count))


class Jacobian(Handle):
    """J of a network at theta on x, as an operator, in the type of theta: vectors, rows and grams have its dtype; mask and graph as of Kernel."""

    noun = "jacobian"
    dtype = np.dtype(np.float64)

    def __init__(self, network, theta, x, mask=None, graph=None):
        theta, x = numbers(theta), numbers(x)
        super().__init__("jacobian_with", network, view(theta), view(x), structure(mask, graph), keeps=(network,))
        self.dtype = theta.dtype

    @classmethod
    def from_matrix(cls, j, outputs=1):
        """The caller's own j [n o, p].  Borrowed: it must not change as long as anything made from it is in use."""
        self = cls._made("jacobian_from_matrix", view(a := numbers(j)), outputs, keeps=(a,))
        self.dtype = a.dtype
        return self

    @classmethod
    def from_functions(cls, shape, jvp=None, vjp=None, rows=None, outputs=1):
        """J [n o, p] by functions of any framework: jvp(v [p]) -> J v, vjp(u [n o]) -> Jᵀ u, rows(first, count) -> rows of J.  One suffices; what is
        not given is put together from another one.  What they raise comes out of the call that needed them.  Whether jvp and vjp belong
        together, adjoint_error() says."""
        thunks = _product(jvp), _product(vjp), _rows(rows)
        functions = _abi.JacobianFunctions(rows=shape[0], columns=shape[1], outputs=outputs, jvp=thunks[0], vjp=thunks[1], get_rows=thunks[2])
        return cls._made("jacobian_from_callbacks", functions, keeps=thunks)

    @classmethod
    def from_function(cls, function, theta, order=2, step=0.0):
        """J of function(theta [p]) -> f [n, o] or [n] by central differences, 2 p calls (order 4: 4 p), all of them here."""
        theta = numbers(theta)
        f = np.asarray(function(theta.copy()))
        thunk = _product(function)
        return cls._made("jacobian_from_function", thunk, None, view(theta), f.size, f.shape[1] if f.ndim > 1 else 1,
                         _abi.DifferenceOptions(order=order, step=step))

    @classmethod
    def stack(cls, parts):
        """Jacobians of the same parameters, below each other."""
        parts = tuple(parts)
        self = cls._made("jacobian_stack", (ctypes.c_void_p * len(parts))(*(part._handle for part in parts)), len(parts), keeps=parts)
        self.dtype = parts[0].dtype
        return self

    def restrict(self, *ranges):
        """The columns of slices, ascending and apart: j.restrict(slice(0, 10), slice(20, 30))."""
        bounds = [s.indices(self.shape[1]) for s in ranges]
        if any(step != 1 for _, _, step in bounds):
            raise ValueError("columns are restricted to slices without steps")
        array = (_abi.Range * max(len(bounds), 1))(*((start, max(stop - start, 0)) for start, stop, _ in bounds))
        return self._restricted("jacobian_restrict", array, len(bounds))

    def restrict_layers(self, *paths):
        """The columns of layers of a network, "layers[2]" and what lies within."""
        array = (ctypes.c_char_p * max(len(paths), 1))(*(path.encode() for path in paths))
        return self._restricted("jacobian_restrict_layers", array, len(paths))

    def _restricted(self, name, array, count):
        other = self._made(name, self, array, count, keeps=(self,))
        other.dtype = self.dtype
        return other

    def adjoint_error(self, seed=0):
        """How far <u, J v> and <Jᵀ u, v> are apart: rounding, or two functions that are not of one matrix."""
        error = ctypes.c_double()
        call("jacobian_adjoint_error", self, seed, error)
        return error.value

    shape = property(lambda self: (self._get("rows"), self._get("columns")))
    outputs = property(lambda self: self._get("outputs"))

    def _map(self, name, vector, size, out):
        vector = numbers(vector)
        out = result(out, size, vector.dtype)
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
        out = result(out, (self.shape[0] - first if count is None else count, self.shape[1]), self.dtype)
        call("jacobian_get_rows", self, first, view(out))
        return out

    def fisher_multiply(self, v, out=None):
        """F v = Jᵀ J v."""
        return self._map("fisher_multiply", v, self.shape[1], out)

    def fisher_trace(self, optimizer=None, samples=0, seed=0, plain=False):
        """tr F and its standard error; exact unless `samples` say how many random vectors."""
        trace, error = ctypes.c_double(), ctypes.c_double()
        call("fisher_trace", self, optimizer, _abi.TraceOptions(samples=samples, seed=seed, plain=bool(plain)), trace, error)
        return trace.value, error.value

    def fisher_norm(self, delta):
        """|J delta|."""
        delta, norm = numbers(delta), ctypes.c_double()
        call("fisher_norm", self, view(delta), norm)
        return norm.value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.rows(), dtype)
