"""What a gram answers: spectrum, solver, predictor, dynamics, system."""
import ctypes
import math
import traceback

import numpy as np

from . import _abi
from ._arrays import numbers, pointer_to, result, structure, view
from ._context import Handle, call, enumerator
from ._kernels import _columns


def _number(name, *arguments):
    """Calls a function whose last argument receives a number."""
    value = ctypes.c_double()
    call(name, *arguments, value)
    return value.value


def _pointer(array):
    """The ntk_array * of a field, with the ntk_array alive inside it."""
    return None if array is None else _abi.ARRAY(view(array))


def _optional(value):
    return None if value is None else numbers(value)


class Spectrum(Handle):
    """Eigenvalues, largest first, and vectors of a gram's K."""

    noun = "spectrum"

    def __init__(self, gram, kind="ntk", values_only=False, tolerance=0.0):
        super().__init__("spectrum_create", gram, _spectrum_options(kind, values_only, tolerance), keeps=(gram,))
        self._shape = gram.size, getattr(gram, "parameters", 0)

    @classmethod
    def from_jacobian(cls, jacobian, optimizer=None, values_only=False, tolerance=0.0):
        """From the singular values of J D^-1/2: small eigenvalues keep their digits."""
        options = _spectrum_options("ntk", values_only, tolerance)
        self = cls._made("spectrum_from_jacobian", jacobian, optimizer, options, keeps=(jacobian, optimizer))
        self._shape = jacobian.shape
        return self

    @classmethod
    def top(cls, gram, count, kind="ntk", tolerance=0.0, seed=0):
        """The largest `count` alone, by products with K."""
        options = _abi.TopOptions(kind=enumerator("kind", kind), tolerance=tolerance, seed=seed)
        self = cls._made("spectrum_top", gram, count, options, keeps=(gram,))
        self._shape = gram.size, getattr(gram, "parameters", 0)
        return self

    @classmethod
    def top_of_jacobian(cls, jacobian, count, optimizer=None, space="auto", tolerance=0.0, seed=0):
        """The largest `count` that K and F share, without either matrix: space "function", "parameters" or the smaller."""
        options = _abi.TopOptions(space=enumerator("space", space), tolerance=tolerance, seed=seed)
        self = cls._made("spectrum_top_of_jacobian", jacobian, optimizer, count, options, keeps=(jacobian, optimizer))
        self._shape = jacobian.shape
        return self

    def interpolation(self, y):
        """Will the network interpolate y?  (yes, gap of the rank, share of |y|² out of reach, what is left of y)."""
        y, rest = numbers(y), np.empty(np.shape(y))
        yes, gap, unreachable = ctypes.c_int(), ctypes.c_double(), ctypes.c_double()
        call("spectrum_interpolation", self, view(_columns(y)), yes, gap, unreachable, view(_columns(rest)))
        return bool(yes.value), gap.value, unreachable.value, rest

    def natural_gradient(self, e, damping=0.0, out=None):
        """delta [p] of (JᵀJ + damping D) delta = Jᵀ e."""
        e, out = numbers(e), result(out, self._shape[1])
        call("spectrum_natural_gradient", self, view(e), damping, view(out))
        return out

    size = property(lambda self: self._get("size"))
    rank = property(lambda self: self._get("rank"))
    condition = property(lambda self: self._get("condition"))

    def values(self, out=None):
        out = result(out, self.size)
        call("spectrum_get_values", self, view(out))
        return out

    def vectors(self, count=None, out=None):
        """u [N, k], column j of value j."""
        out = result(out, (self._shape[0], self.size if count is None else count))
        call("spectrum_get_vectors", self, view(out))
        return out

    def parameter_vectors(self, count=None, out=None):
        """v [p, k], of F."""
        out = result(out, (self._shape[1], self.rank if count is None else count))
        call("spectrum_get_parameter_vectors", self, view(out))
        return out

    def null_vectors(self, space="function", count=None, out=None):
        """An orthonormal basis of what lies beyond the rank: u [N, N - rank] with K u = 0, never learnt; space "parameters": v [p, p - rank] with
        J D^-1/2 v = 0.  Of `count` alone."""
        whole = self._shape[space == "parameters"]
        out = result(out, (whole, whole - self.rank if count is None else count))
        call("spectrum_get_null_vectors", self, enumerator("space", space), view(out))
        return out

    def project_null(self, v, out=None):
        """P v [p], P = 1 - D⁻¹ Jᵀ K⁺ J: what of v no output on these data sees, and no training with this D moves."""
        v, out = numbers(v), result(out, self._shape[1])
        call("spectrum_project_null", self, view(v), view(out))
        return out

    def log_evidence(self, y, ridge=0.0):
        """log p(y) for y ~ N(0, K + ridge), y [N] or [N, m]; the columns each on their own."""
        return _number("spectrum_log_evidence", self, view(_columns(numbers(y))), ridge)

    def leave_one_out(self, y, ridge=0.0):
        """Mean, shaped like y, and variance [N] of each target given all others."""
        y = numbers(y)
        mean, variance = np.empty(y.shape), np.empty(len(y))
        call("spectrum_leave_one_out", self, view(_columns(y)), ridge, view(_columns(mean)), view(variance))
        return mean, variance

    def measures(self, y, ridge=0.0, fraction=0.0, samples=0):
        """What the data say of the kernel: a dict, keys and meanings as enum ntk_measure."""
        names = list(_measure_names())
        values = np.empty(len(names))
        call("design_measure", self, view(_columns(numbers(y))), _abi.DesignOptions(ridge=ridge, fraction=fraction, samples=samples), view(values))
        return dict(zip(names, values.tolist()))


def _measure_names():
    name = _abi.library.ntk_measure_name
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.c_int]
    number = 0
    while (text := name(number)) is not None:
        yield text.decode()
        number += 1


def _spectrum_options(kind, values_only, tolerance):
    return _abi.SpectrumOptions(kind=enumerator("kind", kind), values_only=values_only, tolerance=tolerance)


class Solver(Handle):
    """(K + ridge)⁻¹ by Cholesky or, with decomposition="cg", by conjugate gradients: tolerance, rank of the preconditioner, most products.
    consume, with Cholesky: in the memory of the gram, which can then no longer be asked for entries."""

    noun = "solver"

    def __init__(self, gram, ridge=0.0, ridge_relative=0.0, kind="ntk", consume=False, decomposition="cholesky", tolerance=0.0, rank=0, most=0):
        options = _abi.SolverOptions(kind=enumerator("kind", kind), ridge=ridge, ridge_relative=ridge_relative, consume=consume,
                                     decomposition=enumerator("decomposition", decomposition), tolerance=tolerance, rank=rank, most=most)
        super().__init__("solver_create", gram, options, keeps=(gram,))
        self.dtype = gram.dtype

    ridge = property(lambda self: self._get("ridge"))

    def solve(self, b, out=None):
        """(K + ridge)⁻¹ b, b [N] or [N, m]; out may be b."""
        b = numbers(b)
        out = result(out, b.shape, self.dtype)
        call("solver_solve", self, view(_columns(b)), view(_columns(out)))
        return out

    def log_determinant(self):
        return _number("solver_log_determinant", self)

    def backward_error(self, b, x):
        b, x = _columns(numbers(b)), _columns(numbers(x))
        return _number("solver_backward_error", self, view(b), view(x))


class _Targets:
    """Shapes of answers, after that of the targets y."""

    def _remember(self, gram, y):
        self._gram, self._y_shape, self._by_sample = gram, y.shape, y.ndim == 2 and y.shape[0] != gram.size

    def _answer_shape(self, rows):
        o = self._y_shape[-1]
        return (rows // o, o) if self._by_sample and o else (rows, *self._y_shape[1:])


class Predictor(_Targets, Handle):
    """Mean and covariance of trained networks on new inputs.  consume and, with decomposition="cg", tolerance: as of Solver."""

    noun = "predictor"

    def __init__(self, gram, y, posterior="ntk", decomposition="cholesky", loss_scale="sum", ridge=0.0, ridge_relative=0.0,
                 learning_rate=0.0, f0=None, consume=False, noise=None, tolerance=0.0):
        y, f0, noise = numbers(y), _optional(f0), _optional(noise)
        options = _abi.PredictorOptions(
            posterior=enumerator("posterior", posterior), decomposition=enumerator("decomposition", decomposition),
            loss_scale=enumerator("loss_scale", loss_scale), ridge=ridge, ridge_relative=ridge_relative, learning_rate=learning_rate,
            f0=_pointer(f0), consume=consume, noise=_pointer(noise), tolerance=tolerance)
        super().__init__("predictor_create", gram, view(y), options, keeps=(gram,))
        self._remember(gram, y)

    def at(self, x=None, time=math.inf, mean=True, covariance=False, f0=None, blocks=None, mask=None, graph=None):
        """(mean, covariance) at a time, None for what is not asked for; mean and covariance may be arrays to write into.

        New inputs x, with masks and graphs as of Kernel, or `blocks` of the caller's own kernel: a dict with ntk, nngp [m, N] and
        ntk_test, nngp_test [m, m].
        """
        test, rows, _alive = self._test_set(x, f0, blocks, mask, graph)
        m = _wanted(mean, self._answer_shape(rows), self._gram.dtype)
        c = _wanted(covariance, (rows, rows), self._gram.dtype)
        call("predictor_at", self, test, time, view(m), view(c))
        return m, c

    @staticmethod
    def estimate(kernel, n, m=0, columns=1, dtype="f64", storage="auto", posterior="ntk", decomposition="cholesky", inputs=0, draws=0, consume=False,
                 noise=False, f0=False, variance=False, covariance=False):
        """What gram, predictor and answers would take: {"bytes", "result_bytes", "flops"}, see ntk_predictor_estimate in ntk.h; kernel None: the
        blocks are the caller's."""
        estimate = _abi.Estimate()
        job = _abi.PredictorJob(n=n, m=m, columns=columns, inputs=inputs, draws=draws, dtype=enumerator("dtype", dtype), storage=enumerator("storage", storage),
                                posterior=enumerator("posterior", posterior), decomposition=enumerator("decomposition", decomposition), consume=consume,
                                noise=noise, f0=f0, variance=variance, covariance=covariance)
        call("predictor_estimate", kernel, job, estimate)
        return {name: getattr(estimate, name) for name in ("bytes", "result_bytes", "flops")}

    def _test_set(self, x, f0, blocks, mask=None, graph=None):
        """The ntk_test_set, its number of rows, and the arrays that it points at."""
        arrays = {name: numbers(a) for name, a in {"x": x, "f0": f0, **(blocks or {})}.items() if a is not None}
        first = next((arrays[name] for name in ("x", "ntk", "nngp") if name in arrays), np.empty(0))
        rows = len(first) * (self._gram._rows_per_sample if "x" in arrays else 1)
        test = _abi.TestSet(**{name: _pointer(a) for name, a in arrays.items()}, structure=pointer_to(structure(mask, graph)))
        return test, rows, arrays

    def variance(self, x=None, time=math.inf, blocks=None, out=None, mask=None, graph=None):
        """The diagonal of the covariance alone: any number of inputs."""
        test, rows, _alive = self._test_set(x, None, blocks, mask, graph)
        out = result(out, rows, self._gram.dtype)
        call("predictor_variance", self, test, time, view(out))
        return out

    def sample(self, x=None, draws=1, seed=0, time=math.inf, f0=None, blocks=None, out=None, mask=None, graph=None):
        """Functions drawn from the posterior: [draws] + shape of the mean."""
        test, rows, _alive = self._test_set(x, f0, blocks, mask, graph)
        out = result(out, (draws, *self._answer_shape(rows)), self._gram.dtype)
        call("predictor_sample", self, test, time, seed, view(out))
        return out

    def leave_one_out(self, y):
        """Mean, shaped like y (the targets it was made with), and variance of each training target given all others."""
        y = numbers(y)
        mean, variance = np.empty(y.shape, self._gram.dtype), np.empty(self._gram.size, self._gram.dtype)
        call("predictor_leave_one_out", self, view(y), view(mean), view(variance))
        return mean, variance

    def mean(self, x, time=math.inf, out=None, mask=None, graph=None):
        return self.at(x, time, mean=True if out is None else out, mask=mask, graph=graph)[0]

    def covariance(self, x, time=math.inf, out=None, mask=None, graph=None):
        return self.at(x, time, mean=False, covariance=True if out is None else out, mask=mask, graph=graph)[1]


def _wanted(want, shape, dtype):
    if want is False or want is None:
        return None
    return result(None if want is True else want, shape, dtype)


class Dynamics(_Targets, Handle):
    """Gradient flow, or gradient descent in steps (discrete), exactly."""

    noun = "dynamics"

    def __init__(self, gram, y, kind="ntk", loss_scale="sum", learning_rate=0.0, tolerance=0.0, f0=None, momentum=0.0, weight_decay=0.0,
                 discrete=False, decay_to_zero=False, decay_in_loss=False, theta0=None, linear0=None):
        y, f0, theta0, linear0 = numbers(y), _optional(f0), _optional(theta0), _optional(linear0)
        options = _abi.DynamicsOptions(kind=enumerator("kind", kind), loss_scale=enumerator("loss_scale", loss_scale),
                                       learning_rate=learning_rate, tolerance=tolerance, f0=_pointer(f0), momentum=momentum,
                                       weight_decay=weight_decay, discrete=discrete, decay_to_zero=decay_to_zero, decay_in_loss=decay_in_loss,
                                       theta0=_pointer(theta0), linear0=_pointer(linear0))
        super().__init__("dynamics_create", gram, view(y), options, keeps=(gram,))
        self._remember(gram, y)

    rank = property(lambda self: self._get("rank"))

    def _ask(self, name, before, times, shape, out):
        times = np.ascontiguousarray(times, np.float64).ravel()
        out = result(out, (len(times), *shape))
        call("dynamics_" + name, self, *map(view, before), times.ctypes.data_as(ctypes.POINTER(ctypes.c_double)), len(times), view(out))
        return out

    def at(self, times, out=None):
        """f(t) on the training set: [times] + shape of y."""
        return self._ask("at", (), times, self._y_shape, out)

    def test_at(self, k_test, times, f0=None, linear0=None, out=None):
        """f(t) on new inputs, from k_test = K* [m, N]; linear0 = J* theta(0) where weights decay towards 0."""
        k_test, f0 = numbers(k_test), _optional(f0)
        if linear0 is not None:
            return self._ask("test_decayed_at", (k_test, f0, numbers(linear0)), times, self._answer_shape(len(k_test)), out)
        return self._ask("test_at", (k_test, f0), times, self._answer_shape(len(k_test)), out)

    def parameters_at(self, times, out=None):
        """theta(t) - theta(0)."""
        return self._ask("parameters_at", (), times, (getattr(self._gram, "parameters", 0),), out)

    def loss_at(self, times, out=None):
        return self._ask("loss_at", (), times, (), out)

    def bound_at(self, times, out=None):
        """The certificate: no loss_at is above it."""
        return self._ask("bound_at", (), times, (), out)

    def time_to_loss(self, loss):
        """The first time, or number of steps, with loss_at(t) <= loss; infinity: never."""
        return _number("dynamics_time_to_loss", self, loss)

    largest_step = property(lambda self: self._get("largest_step"))
    unreachable_loss = property(lambda self: self._get("unreachable_loss"))


class Learning(_Targets, Handle):
    """Training on any loss: "mse", "cross-entropy", "logistic", "huber", or a function (f, y) -> (value, gradient) of arrays [samples, outputs]."""

    noun = "learning"

    def __init__(self, gram, y, loss="cross-entropy", kind="ntk", loss_scale="sum", learning_rate=0.0, momentum=0.0, weight_decay=0.0,
                 huber_delta=0.0, tolerance=0.0, steady=0.0, max_steps=0, f0=None, discrete=False, curvature=0.0):
        y, f0 = numbers(y), _optional(f0)
        thunk = _abi.LOSS(_loss_thunk(loss)) if callable(loss) else _abi.LOSS()
        options = _abi.LearningOptions(kind=enumerator("kind", kind), loss=0 if callable(loss) else enumerator("loss", loss),
                                       loss_scale=enumerator("loss_scale", loss_scale), learning_rate=learning_rate, momentum=momentum,
                                       weight_decay=weight_decay, huber_delta=huber_delta, tolerance=tolerance, steady=steady,
                                       max_steps=max_steps, f0=_pointer(f0), discrete=discrete, callback=thunk, curvature=curvature)
        super().__init__("learning_create", gram, view(y), options, keeps=(gram, thunk))
        self._remember(gram, y)

    state_size = property(lambda self: self._get("state_size"))

    def state(self):
        """Zeros: training has not begun.  weights_at moves it on."""
        return np.zeros(self.state_size)

    def weights_at(self, times, state=None, out=None):
        """w(t) [times] + shape of y, at times that do not decrease."""
        times = np.ascontiguousarray(times, np.float64).ravel()
        out = result(out, (len(times), *self._y_shape))
        call("learning_weights_at", self, None if state is None else view(state), times.ctypes.data_as(ctypes.POINTER(ctypes.c_double)), len(times), view(out))
        return out

    def train(self, weights, out=None):
        """f on the training set."""
        out = result(out, weights.shape)
        call("learning_train", self, view(weights), view(out))
        return out

    def at(self, times, state=None):
        """f(t) on the training set."""
        return self.train(self.weights_at(times, state))

    def test(self, k_test, weights, f0=None, out=None):
        """f on new inputs, from k_test = K* [m, N]."""
        k_test, f0 = numbers(k_test), _optional(f0)
        out = result(out, (len(weights), *self._answer_shape(len(k_test))))
        call("learning_test", self, view(k_test), None if f0 is None else view(f0), view(weights), view(out))
        return out

    def loss(self, weights, out=None):
        out = result(out, len(weights))
        call("learning_loss", self, view(weights), view(out))
        return out

    def parameters(self, weights, out=None):
        """theta - theta(0)."""
        out = result(out, (len(weights), getattr(self._gram, "parameters", 0)))
        call("learning_parameters", self, view(weights), view(out))
        return out


def _loss_thunk(function):
    """The C callback of a function; an exception of it is printed by ctypes and becomes ERROR_CALLBACK."""
    def thunk(_, samples, outputs, f, y, gradient, value):
        try:
            f, y, g = (np.ctypeslib.as_array(a, (samples, outputs)) for a in (f, y, gradient))
            number, g[:] = function(f, y)
            if value:
                value[0] = number
            return 0
        except Exception:
            traceback.print_exc()
            return 1
    return thunk


class System(Handle):
    """Training as a linear system: A = -K."""

    noun = "system"

    def __init__(self, gram, kind="ntk"):
        super().__init__("system_from_gram", gram, enumerator("kind", kind), keeps=(gram,))

    @classmethod
    def from_matrices(cls, a, b=None, c=None):
        arrays = [_optional(v) for v in (a, b, c)]
        return cls._made("system_from_matrices", *map(view, arrays))

    @classmethod
    def from_jacobian(cls, jacobian, optimizer=None, weight_decay=0.0):
        """Parameter space: A = -(D⁻¹JᵀJ + weight_decay), B = D⁻¹Jᵀ, C = J; nothing p x p is formed unless it is asked for."""
        return cls._made("system_from_jacobian", jacobian, optimizer, weight_decay, keeps=(jacobian, optimizer))

    size = property(lambda self: self._get("size"))
    rank = property(lambda self: self._get("rank"))
    inputs = property(lambda self: self._get("inputs"))
    outputs = property(lambda self: self._get("outputs"))
    abscissa = property(lambda self: self._get("abscissa"))

    def matrices(self):
        """A, B, C."""
        a, b, c = (np.empty(shape) for shape in ((self.size, self.size), (self.size, self.inputs), (self.outputs, self.size)))
        call("system_get_matrices", self, view(a), view(b), view(c))
        return a, b, c

    def discrete_gramian(self, step, which="observability", out=None):
        """Of x_{k+1} = (1 + step A) x_k."""
        out = result(out, (self.size, self.size))
        call("system_discrete_gramian", self, enumerator("gramian", which), step, view(out))
        return out

    def hankel(self, out=None):
        """Hankel singular values, largest first."""
        out = result(out, self.size)
        call("system_hankel", self, view(out))
        return out

    def reduce(self, k):
        """The balanced truncation to k states; its `bound` is that of the transfer functions' distance."""
        bound = ctypes.c_double()
        reduced = self._made("system_reduce", self, k, bound, keeps=(self,))
        reduced.bound = bound.value
        return reduced

    def gramian_factor(self, which="observability", horizon=math.inf, out=None):
        """f [p, rank] with W = f fᵀ, of a system from a Jacobian."""
        out = result(out, (self.size, self.rank))
        call("system_gramian_factor", self, enumerator("gramian", which), horizon, view(out))
        return out

    def gramian(self, which="observability", horizon=math.inf, out=None):
        out = result(out, (self.size, self.size))
        call("system_gramian", self, enumerator("gramian", which), horizon, view(out))
        return out

    def residual(self, w, which="observability"):
        w = numbers(w)
        return _number("system_residual", self, enumerator("gramian", which), view(w))

    def with_ports(self, b=None, c=None):
        """The same A, with other inputs b or outputs c; None keeps what is there."""
        b, c = _optional(b), _optional(c)
        return self._made("system_with_ports", self, view(b), view(c), keeps=(self,))

    def lyapunov(self, q, which="observability", out=None):
        """X of Aᵀ X + X A + q = 0 ("controllability": A X + X Aᵀ + q = 0), q symmetric."""
        q, out = numbers(q), result(out, (self.size, self.size))
        call("system_lyapunov", self, enumerator("gramian", which), view(q), view(out))
        return out

    def discrete_residual(self, step, w, which="observability"):
        """Of Stein's equation, relative; a few eps for discrete_gramian(step, which)."""
        w = numbers(w)
        return _number("system_discrete_residual", self, enumerator("gramian", which), step, view(w))

    def resting_modes(self, which="observability"):
        """The modes that do not decay and are not seen (driven): more than 0 says that the Gramian at infinity is the minimal one."""
        count = ctypes.c_int64()
        call("system_resting_modes", self, enumerator("gramian", which), count)
        return count.value

    def response(self, x0, times, out=None):
        """z [times, outputs] = C exp(A t) x0, times ascending."""
        x0, times = numbers(x0), np.ascontiguousarray(times, np.float64).ravel()
        out = result(out, (len(times), self.outputs))
        call("system_response", self, view(x0), _doubles(times), len(times), view(out))
        return out

    def reconstruct(self, times, z, noise=None, prior=0.0, tolerance=0.0):
        """(x0, its covariance, directions shown) by weighted least squares from samples z [times, outputs]."""
        times, z, noise = np.ascontiguousarray(times, np.float64).ravel(), numbers(z), _optional(noise)
        x0, covariance, rank = np.empty(self.size), np.empty((self.size, self.size)), ctypes.c_int64()
        options = _abi.ReconstructOptions(noise=_pointer(noise), prior=prior, tolerance=tolerance)
        call("system_reconstruct", self, _doubles(times), len(times), view(z), options, view(x0), view(covariance), rank)
        return x0, covariance, rank.value

    def directions(self, which="observability", horizon=math.inf, shares=True):
        """(vectors in columns, energies, shares or None) of the Gramian over [0, horizon]."""
        s = self.size
        vectors, energies, known = np.empty((s, s)), np.empty(s), np.empty(s) if shares else None
        call("system_directions", self, enumerator("gramian", which), horizon, view(vectors), view(energies), view(known))
        return vectors, energies, known

    def minimum_energy(self, x, horizon=math.inf):
        """(least energy that brings the state from 0 to x, costate W_c⁻¹ x)."""
        x, energy, costate = numbers(x), ctypes.c_double(), np.empty(self.size)
        call("system_minimum_energy", self, horizon, view(x), energy, view(costate))
        return energy.value, costate

    def eigenvalues(self):
        """Of A, slowest first; complex."""
        out = np.empty((self.size, 2))
        call("system_get_eigenvalues", self, view(out))
        return out[:, 0] + 1j * out[:, 1]

    def dominant_mode(self):
        """(eigenvalue of largest real part, a unit right eigenvector); complex."""
        real, imaginary, mode = ctypes.c_double(), ctypes.c_double(), np.empty((self.size, 2))
        call("system_dominant_mode", self, real, imaginary, view(mode))
        return complex(real.value, imaginary.value), mode[:, 0] + 1j * mode[:, 1]

    def settling_time(self, share=0.01):
        """(when the slowest moving mode is down to share, a time after which |x(t)| <= share |x(0)| for certain)."""
        time, certain = ctypes.c_double(), ctypes.c_double()
        call("system_settling_time", self, share, time, certain)
        return time.value, certain.value

    largest_step = property(lambda self: self._get("largest_step"))


def _doubles(times):
    return times.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
