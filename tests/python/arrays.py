"""NumPy arrays go in and out as they lie: any strides, both precisions, no copy."""
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk
from ntk import _abi, _arrays


class Arrays(Case):
    def setUp(self):
        self.kernel = ntk.Kernel(ntk.Network(LAYERS, input=[3]))
        self.x = data(7)
        self.wanted = self.kernel(self.x)

    def test_layouts_of_inputs(self):
        wide = np.zeros((14, 9))
        wide[::2, ::3] = self.x
        for x in (self.x, np.asfortranarray(self.x), wide[::2, ::3], self.x[::-1].copy()[::-1], np.ascontiguousarray(self.x[:, ::-1])[:, ::-1]):
            close(self.kernel(x), self.wanted, 0)
        close(self.kernel(np.broadcast_to(self.x[0], (4, 3))), np.full((4, 4), self.wanted[0, 0]), 0)

    def test_layouts_of_outputs(self):
        for out in (np.empty((7, 7), order="F"), np.full((14, 21), np.nan)[::2, ::3], np.empty((7, 7))[::-1, ::-1]):
            self.assertIs(self.kernel(self.x, out=out), out)
            close(out, self.wanted, 0)

    def test_results_land_in_the_callers_buffer(self):
        memory = np.full((9, 9), -1.0)
        self.kernel(self.x, out=memory[1:8, 1:8])
        close(memory[1:8, 1:8], self.wanted, 0)
        memory[1:8, 1:8] = -1
        self.assertTrue((memory == -1).all())  # and nowhere else

    def test_inputs_are_not_copied(self):
        for x in (self.x, self.x[::-2, 1:], np.asfortranarray(self.x), self.x.astype(np.float32)):
            self.assertIs(_arrays.numbers(x), x)
            a = _arrays.view(x)
            self.assertEqual(a.data, x.__array_interface__["data"][0])
            self.assertEqual(tuple(a.strides[:2]), tuple(s // x.itemsize for s in x.strides))

    def test_a_borrowed_matrix_is_not_copied(self):
        """A change of the caller's memory, which is forbidden otherwise, shows."""
        k = np.diag([1.0, 2.0, 3.0])
        gram = ntk.Gram.from_matrix(k)
        k[2, 2] = 5
        self.assertEqual(gram.diagonal().tolist(), [1, 2, 5])

    def test_single(self):
        k = self.kernel(self.x.astype(np.float32))
        self.assertEqual(k.dtype, np.float32)
        close(k, self.wanted, 1e-6)
        solver = ntk.Solver(ntk.Gram(self.kernel, self.x.astype(np.float32)), ridge=0.1)
        self.assertEqual(solver.solve(np.ones(7, np.float32)).dtype, np.float32)

    def test_what_is_not_float_is_converted(self):
        x = np.arange(6).reshape(2, 3)
        wanted = self.kernel(x.astype(float))
        for same in (x, x.tolist(), x.astype(">f8"), x.astype(np.float16), x.astype(np.longdouble)):
            close(self.kernel(same), wanted, 0)
        packed = np.zeros(2, dtype=[("tag", "u1"), ("x", "f4", 3)])  # not aligned
        packed["x"] = x
        self.assertEqual(self.kernel(packed["x"]).dtype, np.float32)
        with self.assertRaises(TypeError):
            self.kernel(x * 1j)

    def test_bad_outputs(self):
        for out in ([[0.0]], np.empty((7, 7), int), np.empty((7, 7), ">f8")):
            self.assertRaises(TypeError, self.kernel, self.x, out=out)
        frozen = np.empty((7, 7))
        frozen.flags.writeable = False
        self.assertRaises(ValueError, self.kernel, self.x, out=frozen)
        self.fails("ERROR_SHAPE", "[7, 7]", self.kernel, self.x, out=np.empty((7, 6)))
        self.fails("ERROR_DTYPE", "f32", self.kernel, self.x, out=np.empty((7, 7), np.float32))
        self.fails("ERROR_SHAPE", "7", ntk.Kernel(ntk.Network(LAYERS, input=[3])), np.zeros((1,) * 7))

    def test_empty(self):
        self.assertEqual(self.kernel(np.empty((0, 3)), self.x).shape, (0, 7))
        self.assertEqual(ntk.Gram(self.kernel, np.empty((0, 3))).size, 0)

    def test_every_struct_opens_with_its_size(self):
        for name, struct in _abi.STRUCTS.items():
            if name not in ("ntk_array", "ntk_range", "ntk_estimate"):
                self.assertGreater(struct().struct_size, 8)


if __name__ == "__main__":
    unittest.main()
