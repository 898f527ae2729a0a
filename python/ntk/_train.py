"""Training for real."""
import ctypes

import numpy as np

from . import _abi
from ._arrays import numbers, result, view
from ._context import Handle, call, enumerator


class Trainer(Handle):
    """A network trained with all samples in every step: descent "gd", "momentum" or "adam"; loss "mse", "cross-entropy", "logistic" or "huber".

    It works in the type of theta, float64 or float32; x and y have it too.  linearised: the network linear in its parameters around theta, f(theta0) + J(theta0) (theta - theta0).
    """

    noun = "trainer"

    def __init__(self, network, theta, x, y, descent="gd", learning_rate=1.0, loss="mse", loss_scale="sum", linearised=False, optimizer=None,
                 beta1=0.0, beta2=0.0, epsilon=0.0, delta=0.0):
        theta, x, y = numbers(theta), numbers(x), numbers(y)
        if y.ndim == 1:
            y = y[:, None]
        options = _abi.TrainerOptions(loss=enumerator("loss", loss), loss_scale=enumerator("loss_scale", loss_scale),
                                      descent=enumerator("descent", descent), linearised=bool(linearised), learning_rate=learning_rate,
                                      beta1=beta1, beta2=beta2, epsilon=epsilon, delta=delta,
                                      optimizer=None if optimizer is None else optimizer._as_parameter_)
        super().__init__("trainer_create", network, view(theta), view(x), view(y), options, keeps=(network, optimizer))
        self._shape, self._descent, self.dtype = y.shape, descent, theta.dtype

    steps = property(lambda self: self._get("steps"))

    def run(self, steps=1):
        """More steps.  Returns the trainer."""
        call("trainer_run", self, steps)
        return self

    def resume(self, steps, theta, moments=()):
        """Puts training where another trainer of the same arguments stood."""
        first, second = (*(numbers(m) for m in moments), None, None)[:2]
        theta = numbers(theta)
        call("trainer_resume", self, steps, view(theta), view(first), view(second))
        return self

    def parameters(self, out=None):
        """theta [p]."""
        out = result(out, self._keeps[0].parameters, self.dtype)
        call("trainer_get_parameters", self, view(out))
        return out

    def moments(self):
        """What the descent keeps: (), (m,) or (m, v)."""
        count = {"gd": 0, "momentum": 1, "adam": 2}[self._descent]
        kept = tuple(np.empty(self._keeps[0].parameters, self.dtype) for _ in range(count))
        call("trainer_get_moments", self, *(*map(view, kept), None, None)[:2])
        return kept

    def outputs(self, out=None):
        """f [n, o] on the training inputs."""
        out = result(out, self._shape, self.dtype)
        call("trainer_get_outputs", self, view(out))
        return out

    def loss(self):
        value = ctypes.c_double()
        call("trainer_get_loss", self, value)
        return value.value
