"""Jacobians from functions of Python, chosen columns, stacks."""
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk

MATRIX = data(6, 9)


class Jacobians(Case):
    def test_functions(self):
        v, u = data(1, 9)[0], data(1, 6, 1)[0]
        ways = {"jvp": lambda v: MATRIX @ v, "vjp": lambda u: MATRIX.T @ u, "rows": lambda first, count: MATRIX[first:first + count]}
        for chosen in ({"jvp"}, {"vjp"}, {"rows"}, {"jvp", "vjp"}, set(ways)):
            j = ntk.Jacobian.from_functions((6, 9), outputs=3, **{name: ways[name] for name in chosen})
            self.assertEqual((j.shape, j.outputs), ((6, 9), 3))
            close(j.apply(v), MATRIX @ v, 1e-14)
            close(j.apply_transposed(u), MATRIX.T @ u, 1e-14)
            close(j.rows(1, 4), MATRIX[1:5], 1e-15)
            self.assertLess(j.adjoint_error(), 1e-14)
        wrong = ntk.Jacobian.from_functions((6, 9), jvp=ways["jvp"], vjp=lambda u: np.ones(9))
        self.assertGreater(wrong.adjoint_error(seed=3), 1e-3)

    def test_what_functions_do_wrong(self):
        v, problem = np.ones(9), ZeroDivisionError("mine")

        def broken(v):
            raise problem
        with self.assertRaises(ZeroDivisionError) as caught:
            ntk.Jacobian.from_functions((6, 9), jvp=broken).apply(v)
        self.assertIs(caught.exception, problem)
        with self.assertRaisesRegex(ValueError, r"gave shape \(5,\); expected \(6,\)"):
            ntk.Jacobian.from_functions((6, 9), jvp=lambda v: v[:5]).apply(v)
        self.fails("ERROR_CALLBACK", "jvp gave out[0] = ", ntk.Jacobian.from_functions((6, 9), jvp=lambda v: np.full(6, np.nan)).apply, v)
        self.fails("ERROR_NULL", "none of jvp, vjp and get_rows", ntk.Jacobian.from_functions, (6, 9))

    def test_differences(self):
        theta, x = data(1, 4)[0], data(5, 4)
        right = np.cos(x * theta) * x  # of f_r = sum_c sin(x_rc theta_c)
        for order, bound in ((2, 1e-9), (4, 1e-11)):
            close(ntk.Jacobian.from_function(lambda t: np.sin(x * t).sum(1), theta, order=order).rows(), right, bound)
        self.assertEqual(ntk.Jacobian.from_function(lambda t: np.outer(t, [1, 2]), theta).outputs, 2)

    def test_a_network_of_another_kind(self):
        """The kernel of a network given by its jvp and vjp is the kernel of the network."""
        net = ntk.Network(LAYERS, input=[3])
        theta, x = net.initialize(1), data(5)
        own = ntk.Jacobian.from_functions((10, net.parameters), jvp=lambda v: net.jvp(theta, x, v), vjp=lambda u: net.vjp(theta, x, u.reshape(5, 2)), outputs=2)
        close(ntk.Spectrum(ntk.Gram.from_jacobian(own)).values(), ntk.Spectrum(ntk.Gram.from_jacobian(ntk.Jacobian(net, theta, x))).values(), 1e-13)

    def test_algorithms(self):
        net = ntk.Network(LAYERS, input=[3])
        j = ntk.Jacobian(net, net.initialize(1), data(5))
        grams = [ntk.Gram.from_jacobian(j, algorithm=name) for name in ("auto", "structured", "contraction", "products")]
        self.assertEqual([gram.algorithm for gram in grams], ["structured", "structured", "contraction", "products"])
        for gram in grams[1:]:
            close(gram.multiply(data(10, 2)), grams[0].multiply(data(10, 2)), 1e-14)
            close(gram.diagonal(), grams[0].diagonal(), 1e-14)

    def test_single_precision(self):
        net = ntk.Network(LAYERS, input=[3])
        theta, x = net.initialize(1, dtype=np.float32), data(5).astype(np.float32)
        self.assertTrue(np.array_equal(theta, net.initialize(1).astype(np.float32)))
        j, wide = ntk.Jacobian(net, theta, x), ntk.Jacobian(net, theta.astype(float), x.astype(float))
        bound = 40 * 2.0**-24  # of the largest number: chains of a few steps, sums of up to 8 terms
        v, u = data(1, net.parameters, seed=2)[0].astype(np.float32), data(1, 10, seed=3)[0].astype(np.float32)
        for got, want in ((net.forward(theta, x), net.forward(theta.astype(float), x.astype(float))), (j.rows(), wide.rows()),
                          (j.apply(v), wide.apply(v.astype(float))), (j.apply_transposed(u), wide.apply_transposed(u.astype(float))),
                          (j.restrict(slice(3, 9)).rows(), wide.restrict(slice(3, 9)).rows()), (ntk.Jacobian.stack([j, j]).rows(), ntk.Jacobian.stack([wide, wide]).rows()),
                          (ntk.Gram.from_jacobian(j).block(), ntk.Gram.from_jacobian(wide).block()),
                          (ntk.Kernel.empirical(net, theta)(x), ntk.Kernel.empirical(net, theta.astype(float))(x.astype(float)))):
            self.assertEqual(got.dtype, np.float32)
            close(got.astype(float), want, bound)
        # answers work in f64, on rows of f32
        close(ntk.Spectrum.from_jacobian(j).values(), ntk.Spectrum.from_jacobian(wide).values(), 2 * bound)
        self.fails("ERROR_DTYPE", "x holds f64; expected f32", ntk.Jacobian, net, theta, data(5))
        self.fails("ERROR_DTYPE", "the empirical kernel takes f32", ntk.Kernel.empirical(net, theta), data(5))

    def test_parts(self):
        net = ntk.Network(LAYERS, input=[3])
        theta, x = net.initialize(1), data(5)
        j = ntk.Jacobian(net, theta, x)
        whole = j.rows()
        close(j.restrict(slice(0, 4), slice(10, None)).rows(), np.hstack([whole[:, :4], whole[:, 10:]]), 0)
        close(j.restrict_layers("layers[0]").rows(), whole[:, :16], 0)
        close(ntk.Jacobian.stack([j, ntk.Jacobian(net, theta, x[:2])]).rows(), np.vstack([whole, whole[:4]]), 0)
        self.fails("ERROR_ARGUMENT", "no layer with parameters", j.restrict_layers, "layers[1]")
        with self.assertRaisesRegex(ValueError, "without steps"):
            j.restrict(slice(0, 4, 2))


if __name__ == "__main__":
    unittest.main()
