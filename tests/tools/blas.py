"""The tool runs itself again with the right OpenBLAS kernels, unless the user has chosen some."""
import json
import os

import kit


class Blas(kit.ToolTest):
    def doctor(self, **env):
        clean = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
        return json.loads(self.ntk("doctor", "--json", env=dict(clean, LD_PRELOAD=os.environ["NTK_SLOW_BLAS"], **env)))

    def test_slow_kernels_are_replaced(self):
        d = self.doctor()
        if d["blas_kernels_should_be"] == "unknown":
            self.skipTest("no wide instructions here")
        self.assertEqual(d["openblas_coretype"], d["blas_kernels_should_be"])
        self.assertEqual(d["blas_kernels"], d["blas_kernels_should_be"])
        self.assertFalse(d["blas_is_slow"])

    def test_choice_of_the_user_stands(self):
        d = self.doctor(OPENBLAS_CORETYPE="Nehalem")
        self.assertEqual(d["openblas_coretype"], "Nehalem")
        if d["blas_kernels_should_be"] != "unknown":
            self.assertTrue(d["blas_is_slow"])


if __name__ == "__main__":
    kit.main()
