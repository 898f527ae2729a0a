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


if __name__ == "__main__":
    unittest.main()
