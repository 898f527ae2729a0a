"""Kernels and grams."""
import ctypes

import numpy as np

from . import _abi
from ._arrays import numbers, pointer_to, result, structure, view
from ._context import Handle, call, current, enumerator


KINDS = "ntk", "nngp", "layers", "ntk_error", "nngp_error"


def _thunk(function):
    """The C callback around function(x1, x2) -> k [n1, n2]."""

    def fill(x1, x2, k):
        block = np.asarray(function(x1, x2))
        if block.shape != k.shape:
            raise ValueError(f"the kernel function gave shape {block.shape} for {k.shape[0]} x {k.shape[1]} pairs")
        k[...] = block

    def block(_, d, n1, x1, n2, x2, k, ldk):
        flat = np.ctypeslib.as_array(k, ((n1 - 1) * ldk + n2,))
        tile = np.lib.stride_tricks.as_strided(flat, (n1, n2), (8 * ldk, 8))
        inputs = np.ctypeslib.as_array(x1, (n1, d)), np.ctypeslib.as_array(x2, (n2, d))
        _, failed = current().guarded(fill, *inputs, tile)
        return int(failed)

    return _abi.KERNEL(block)


class Kernel(Handle):
    """A function of two inputs.  Kernel(network) is the infinite-width kernel; dropout: "training" or "inference".

    Where inputs have positions, a mask [n, positions...] says which are valid (1: a box from the first corner); networks that aggregate
    take a graph [n, V, V] with every data set.
    """

    noun = "kernel"
    outputs, width, layers = "trace", 1, 0  # one number per pair

    def __init__(self, network, dropout="training"):
        options = _abi.KernelOptions(dropout=enumerator("dropout", dropout))
        super().__init__("kernel_from_network", network, options, keeps=(network,))
        self.layers = network.layers

    infinite = classmethod(lambda cls, network, dropout="training": cls(network, dropout))

    @classmethod
    def empirical(cls, network, theta, optimizer=None, outputs="full", algorithm="auto"):
        """The kernel of a finite network at theta.  outputs: "full" [n1 o, n2 o], "trace" [n1, n2] or "diagonal" [n1, n2, o]."""
        theta = numbers(theta)
        options = _abi.KernelOptions(outputs=enumerator("outputs", outputs), algorithm=enumerator("algorithm", algorithm))
        self = cls._made("kernel_empirical", network, view(theta), optimizer, options, keeps=(network, optimizer))
        self.outputs, self.width, self.layers = outputs, network.outputs, network.layers
        return self

    @classmethod
    def monte_carlo(cls, network, samples=100, width=0, seed=0):
        """The mean of the trace kernels of `samples` random networks of seeds `seed` ...; width: of every hidden layer, 0: as described.
        It also delivers "ntk_error" and "nngp_error", the standard errors."""
        options = _abi.MonteCarloOptions(samples=samples, width=width, seed=seed)
        return cls._made("kernel_monte_carlo", network, options, keeps=(network,))

    @classmethod
    def from_function(cls, function, kind="ntk"):
        """function(x1, x2) -> k [n1, n2], of blocks x1 [n1, d] and x2 [n2, d] that it must not keep.  What it raises comes out of the
        call that needed the kernel."""
        thunk = _thunk(function)
        return cls._made("kernel_from_callback", thunk, None, enumerator("kind", kind), keeps=(thunk,))

    @classmethod
    def sum(cls, kernels, weights=None):
        """sum_i weights[i] kernels[i], of the same inputs and outputs; weights None: 1 each."""
        kernels = list(kernels)
        handles = (ctypes.c_void_p * len(kernels))(*(k._handle for k in kernels))
        weights = None if weights is None else (ctypes.c_double * len(kernels))(*map(float, weights))
        self = cls._made("kernel_sum", handles, weights, len(kernels), keeps=tuple(kernels))
        self.outputs, self.width = kernels[0].outputs, kernels[0].width
        return self

    def normalised(self):
        """K(x, x') / sqrt(K(x, x) K(x', x'))."""
        other = self._made("kernel_normalise", self, keeps=(self,))
        other.outputs, other.width = self.outputs, self.width
        return other

    def _shape(self, *counts):
        if self.outputs == "full":
            return tuple(n * self.width for n in counts)
        return counts + (self.width,) if self.outputs == "diagonal" else counts

    def _request(self, x, shape, want, out, structures=(None, None)):
        """The arrays that are wanted, by name, and the ntk_request of them."""
        names = (want,) if isinstance(want, str) else tuple(want)
        given = out if isinstance(out, dict) else {names[0]: out}
        arrays = {}
        for name in names:
            if name not in KINDS:
                raise ValueError(f"{name!r} is no kind of kernel: {', '.join(KINDS)}")
            arrays[name] = result(given.get(name), (self.layers, *shape) if name == "layers" else shape, x.dtype)
        views = {name: view(array) for name, array in arrays.items()}
        request = _abi.Request(**{name: _abi.ARRAY(v) for name, v in views.items()})
        request.structure1, request.structure2 = map(pointer_to, structures)
        return arrays, request

    @staticmethod
    def _answer(arrays, want):
        return arrays[want] if isinstance(want, str) else arrays

    def __call__(self, x1, x2=None, want="ntk", out=None, mask1=None, graph1=None, mask2=None, graph2=None):
        """The kernel of all pairs; x2 None: x1 with itself.  want: "ntk", "nngp" or "layers", or several of them, then a dict comes back."""
        x1, x2 = numbers(x1), None if x2 is None else numbers(x2)
        arrays, request = self._request(x1, self._shape(len(x1), len(x1 if x2 is None else x2)), want, out,
                                        (structure(mask1, graph1), structure(mask2, graph2)))
        call("kernel_eval", self, view(x1), view(x2), request)
        return self._answer(arrays, want)

    def diagonal(self, x, want="ntk", out=None, mask=None, graph=None):
        """The kernel of every sample with itself."""
        x = numbers(x)
        arrays, request = self._request(x, self._shape(len(x)), want, out, (structure(mask, graph), None))
        call("kernel_diagonal", self, view(x), request)
        return self._answer(arrays, want)


    def estimate(self, n1, n2=0, want="ntk", dtype="f64", diagonal=False, gram=False, storage="auto", inputs=0):
        """What a job would take: {"bytes", "result_bytes", "flops"}, see ntk_kernel_estimate in ntk.h; n2 = 0: x1 with itself."""
        names, estimate = (want,) if isinstance(want, str) else tuple(want), _abi.Estimate()
        job = _abi.Job(n1=n1, n2=n2, inputs=inputs, dtype=enumerator("dtype", dtype), no_ntk="ntk" not in names, nngp="nngp" in names,
                       layers="layers" in names, diagonal=diagonal, gram=gram, storage=enumerator("storage", storage))
        call("kernel_estimate", self, job, estimate)
        return {name: getattr(estimate, name) for name in ("bytes", "result_bytes", "flops")}


class Gram(Handle):
    """A kernel on one data set, as a symmetric operator K; mask and graph, as of Kernel, are kept with x."""

    noun = "gram"

    def __init__(self, kernel, x, kinds=("ntk",), storage="auto", mask=None, graph=None):
        x, kinds = numbers(x), (kinds,) if isinstance(kinds, str) else tuple(kinds)
        options = _abi.GramOptions(nngp="nngp" in kinds, no_ntk="ntk" not in kinds, storage=enumerator("storage", storage),
                                   structure=pointer_to(structure(mask, graph)))
        super().__init__("gram_create", kernel, view(x), options, keeps=(kernel,))
        self.dtype, self._rows_per_sample = x.dtype, kernel.width if kernel.outputs == "full" else 1

    @classmethod
    def from_matrix(cls, ntk=None, nngp=None):
        """The caller's own symmetric matrices.  Borrowed: they must not change as long as anything made from them is in use."""
        arrays = [None if k is None else numbers(k) for k in (ntk, nngp)]
        self = cls._made("gram_from_matrices", *map(view, arrays), keeps=tuple(arrays))
        self.dtype, self._rows_per_sample = next(a.dtype for a in arrays if a is not None), 1
        return self

    @classmethod
    def from_jacobian(cls, jacobian, optimizer=None, algorithm="auto"):
        """K = J D⁻¹ Jᵀ.  algorithm: "structured", "contraction", or "products", which holds no matrix: K v by a vjp and a jvp."""
        self = cls._made("gram_from_jacobian_by", jacobian, optimizer, enumerator("algorithm", algorithm), keeps=(jacobian, optimizer))
        self.dtype, self._rows_per_sample, self.parameters = jacobian.dtype, jacobian.outputs, jacobian.shape[1]
        return self

    size = property(lambda self: self._get("size"))
    algorithm = property(lambda self: _abi.library.ntk_algorithm_name(self._get("algorithm")).decode())

    def has(self, kind):
        return bool(self._get("has", enumerator("kind", kind)))

    def diagonal(self, kind="ntk", out=None):
        out = result(out, self.size, self.dtype)
        call("gram_get_diagonal", self, enumerator("kind", kind), view(out))
        return out

    def block(self, row=0, column=0, shape=None, kind="ntk", out=None):
        """Entries [row ..., column ...] of K; all of it if no shape is given."""
        out = result(out, shape or (self.size - row, self.size - column), self.dtype)
        call("gram_get_block", self, enumerator("kind", kind), row, column, view(out))
        return out

    def multiply(self, v, kind="ntk", out=None):
        """K v, v [N] or [N, m]."""
        v = numbers(v)
        out = result(out, v.shape, self.dtype)
        call("gram_multiply", self, enumerator("kind", kind), view(_columns(v)), view(_columns(out)))
        return out

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.block(), dtype)


def _columns(v):
    """A vector as a matrix of one column, in the same memory."""
    return v[:, None] if v.ndim == 1 else v
