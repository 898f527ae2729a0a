"""Neural tangent kernels, exactly: libntk for Python and NumPy.

    net = ntk.Network([{"op": "dense", "units": 64}, {"op": "relu"}, {"op": "dense", "units": 1}], input=[2])
    gram = ntk.Gram(ntk.Kernel(net), x)
    f = ntk.Predictor(gram, y, ridge=1e-3).mean(x_test)

include/ntk.h says what each call means; names and arguments are those, without the prefix.
"""
from . import _abi, classes
from ._context import Context, Error
from ._finite import Jacobian, Network, Optimizer
from ._kernels import Gram, Kernel
from ._models import Dynamics, Learning, Predictor, Solver, Spectrum, System
from ._train import Trainer
from ._tune import Tuner

__all__ = ["Context", "Dynamics", "Error", "Gram", "Jacobian", "Kernel", "Learning", "Network", "Optimizer", "Predictor", "Solver", "Spectrum", "System",
           "Trainer", "Tuner", "classes", "kappa0", "kappa1", "library_version"]
__version__ = "0.1.0"


def library_version():
    """The version of the library in use."""
    return _abi.library.ntk_version().decode()


def kappa0(t):
    """Arc-cosine kernel of order 0 in He scale, of a cosine."""
    return _abi.library.ntk_kappa0(t)


def kappa1(t):
    """Arc-cosine kernel of order 1 in He scale, of a cosine."""
    return _abi.library.ntk_kappa1(t)
