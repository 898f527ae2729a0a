"""Failures are exceptions with the library's sentence."""
import copy
import pickle
import unittest

import numpy as np
from kit import LAYERS, Case, data

import ntk


class Errors(Case):
    def setUp(self):
        self.net = ntk.Network(LAYERS, input=[3])
        self.kernel = ntk.Kernel(self.net)

    def test_statuses(self):
        self.fails("ERROR_SYNTAX", "line 1", ntk.Network, "{")
        self.fails("ERROR_NETWORK", "layers[0]", ntk.Network, [{"op": "danse"}], input=[3])
        self.fails("ERROR_SHAPE", "[2, 4]", self.kernel, np.ones((2, 4)))
        self.fails("ERROR_NOT_FINITE", "x1", self.kernel, np.full((2, 3), np.nan))
        self.fails("ERROR_NOT_POSITIVE_DEFINITE", "minor", ntk.Solver, ntk.Gram.from_matrix(-np.eye(3)))
        self.fails("ERROR_ARGUMENT", "not symmetric", ntk.Gram.from_matrix, np.triu(np.ones((3, 3))))
        self.fails("ERROR_ARGUMENT", "nngp", ntk.Spectrum, ntk.Gram(self.kernel, data(3)), kind="nngp")
        self.fails("ERROR_NULL", "both NULL", ntk.Gram.from_matrix)

    def test_memory_limit(self):
        with ntk.Context(memory_limit=1000):
            self.fails("ERROR_MEMORY_LIMIT", "gram", ntk.Gram, self.kernel, data(100))
        self.assertEqual(ntk.Gram(self.kernel, data(100)).size, 100)

    def test_context_options(self):
        with ntk.Context(threads=2) as context:
            self.assertEqual(context.threads, 2)
            self.assertIn(context.cpu, ("avx512", "avx2", "c"))
        self.fails("ERROR_ARGUMENT", "range", ntk.Context, threads=-1)

    def test_names(self):
        for wrong in ({"kinds": "nkt"}, {"kinds": ()}):
            self.assertRaises((ValueError, ntk.Error), ntk.Gram, self.kernel, data(2), **wrong)
        self.assertRaises(ValueError, ntk.Predictor, ntk.Gram(self.kernel, data(2)), [1, 2], posterior="bayes")
        self.assertRaises(ValueError, self.kernel, data(2), want="ntkk")

    def test_the_context_works_on(self):
        for _ in range(3):
            self.fails("ERROR_SHAPE", "x1", self.kernel, np.ones((2, 4)))
            self.assertEqual(self.kernel(data(2)).shape, (2, 2))

    def test_exceptions_travel_handles_do_not(self):
        try:
            self.kernel(np.ones((2, 4)))
        except ntk.Error as error:
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((again.status, str(again)), (error.status, str(error)))
        for handle in (self.kernel, ntk.Context()):
            self.assertRaises(TypeError, copy.copy, handle)
            self.assertRaises(TypeError, pickle.dumps, handle)


if __name__ == "__main__":
    unittest.main()
