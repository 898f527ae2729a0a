"""Spectra against NumPy's."""
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk


class Spectra(Case):
    def test_gram(self):
        gram = ntk.Gram(ntk.Kernel(ntk.Network(LAYERS, input=[3])), data(9))
        spectrum, k = ntk.Spectrum(gram), np.asarray(gram)
        values, u = spectrum.values(), spectrum.vectors()
        close(values, np.linalg.eigvalsh(k)[::-1], 1e-14)
        close(k @ u, u * values, 1e-14)
        close(u.T @ u, np.eye(9), 1e-13)
        self.assertEqual((spectrum.size, spectrum.rank), (9, 9))
        self.assertAlmostEqual(spectrum.condition, values[0] / values[-1])
        close(np.abs(np.diag(spectrum.vectors(3, out=np.empty((9, 3), order="F")).T @ u)), np.ones(3), 1e-13)
        self.fails("ERROR_ARGUMENT", "values_only", ntk.Spectrum(gram, values_only=True).vectors)

    def test_duality(self):
        """K = J Jᵀ and F = JᵀJ share their eigenvalues, and Jᵀ u is along v."""
        j = data(4, 6)
        jacobian = ntk.Jacobian.from_matrix(j, outputs=2)
        for spectrum in (ntk.Spectrum(ntk.Gram.from_jacobian(jacobian)), ntk.Spectrum.from_jacobian(jacobian)):
            values, u, v = spectrum.values(), spectrum.vectors(), spectrum.parameter_vectors()
            close(values, np.linalg.eigvalsh(j.T @ j)[::-1][:4], 1e-13)
            close(j.T @ j @ v, v * values, 1e-13)
            close(np.abs(np.diag(u.T @ j @ v)), np.sqrt(values), 1e-13)

    def test_top_and_trace(self):
        j, d = data(9, 14), np.linspace(1, 3, 14)
        g = j / np.sqrt(d)
        jacobian, optimizer = ntk.Jacobian.from_matrix(j), ntk.Optimizer.diagonal(d)
        want = np.linalg.svd(g)[1] ** 2
        for space in ("function", "parameters"):
            top = ntk.Spectrum.top_of_jacobian(jacobian, 3, optimizer, space=space)
            close(top.values(), want[:3], 1e-11)
            close(g @ top.parameter_vectors(), top.vectors() * np.sqrt(want[:3]), 1e-10)
        close(ntk.Spectrum.top(ntk.Gram.from_jacobian(jacobian, optimizer), 3).values(), want[:3], 1e-11)
        self.assertAlmostEqual(jacobian.fisher_trace(optimizer)[0], want.sum(), delta=1e-12 * want.sum())
        trace, error = jacobian.fisher_trace(optimizer, samples=40)  # sketches all nine directions
        self.assertAlmostEqual(trace, want.sum(), delta=1e-11 * want.sum())
        self.fails("ERROR_UNSUPPORTED", "3 largest", ntk.Spectrum.top_of_jacobian(jacobian, 3).log_evidence, np.ones(9), 1)

    def test_interpolation_and_natural_gradient(self):
        j = np.vstack([data(4, 6), data(4, 6)[:1]])  # the last row again
        spectrum, y = ntk.Spectrum.from_jacobian(ntk.Jacobian.from_matrix(j)), np.array([1.0, 2, 3, 4, 3])
        yes, gap, unreachable, rest = spectrum.interpolation(y)
        self.assertEqual((yes, spectrum.rank), (False, 4))
        close(rest, np.array([-1.0, 0, 0, 0, 1]), 1e-13)
        self.assertAlmostEqual(unreachable, 2 / 39)
        close(j @ spectrum.natural_gradient(y), y - rest, 1e-12)
        close(spectrum.natural_gradient(y, 0.5), j.T @ np.linalg.solve(j @ j.T + 0.5 * np.eye(5), y), 1e-12)

    def test_null_spaces(self):
        j, d = np.vstack([data(4, 6), data(4, 6)[:1]]), np.linspace(1, 3, 6)
        jacobian, optimizer = ntk.Jacobian.from_matrix(j), ntk.Optimizer.diagonal(d)
        want = np.eye(6) - (j.T / d[:, None]) @ np.linalg.pinv(j / d @ j.T, rcond=1e-10) @ j
        for spectrum in (ntk.Spectrum(ntk.Gram.from_jacobian(jacobian, optimizer)), ntk.Spectrum.from_jacobian(jacobian, optimizer)):
            u, v = spectrum.null_vectors(), spectrum.null_vectors("parameters")
            self.assertEqual((u.shape, v.shape, spectrum.null_vectors("parameters", 1).shape), ((5, 1), (6, 2), (6, 1)))
            close(u[:, 0] / u[4, 0], np.array([-1.0, 0, 0, 0, 1]), 1e-7)
            close(v.T @ v, np.eye(2), 1e-14)
            self.assertLess(np.abs(j / np.sqrt(d) @ v).max(), 1e-10)
            close(np.column_stack([spectrum.project_null(e) for e in np.eye(6)]), want, 1e-11)
        self.fails("ERROR_SHAPE", "the null space has 1 dimensions", spectrum.null_vectors, count=2)

    def test_evidence_and_leave_one_out(self):
        x, y = data(9), np.cos(np.arange(9.0))
        gram = ntk.Gram(ntk.Kernel(ntk.Network(LAYERS, input=[3])), x)
        spectrum, a = ntk.Spectrum(gram), np.asarray(gram) + 0.1 * np.eye(9)
        want = -0.5 * (y @ np.linalg.solve(a, y) + np.linalg.slogdet(a)[1] + 9 * np.log(2 * np.pi))
        self.assertAlmostEqual(spectrum.log_evidence(y, ridge=0.1), want, delta=1e-12 * abs(want))
        mean, variance = spectrum.leave_one_out(y, ridge=0.1)
        others = np.arange(9) != 4
        close(mean[4:5], [a[4, others] @ np.linalg.solve(a[np.ix_(others, others)], y[others])], 1e-12)
        close(1 / variance, np.diag(np.linalg.inv(a)), 1e-12)
        measures = spectrum.measures(y, ridge=0.1)
        self.assertEqual((measures["rank"], measures["log_evidence"]), (9, spectrum.log_evidence(y, ridge=0.1)))
        self.assertAlmostEqual(measures["loo_error"], np.mean((mean - y) ** 2), delta=1e-14)
        self.fails("ERROR_ARGUMENT", "ridge", spectrum.log_evidence, y, -1.0)


if __name__ == "__main__":
    unittest.main()
