"""bench/against_neural_tangents.py with a stand-in for the package: its own paths run, whatever is installed."""
import os
import subprocess
import sys
import tempfile
import unittest

PACKAGE_FOLDER = os.path.join(os.environ["NTK_SOURCE"], "python")
SCRIPT = os.path.join(os.environ["NTK_SOURCE"], "bench", "against_neural_tangents.py")

JAX = """
__version__ = "0"
class config:
    update = staticmethod(lambda name, value: None)
jit = lambda f, static_argnums=(): f
block_until_ready = lambda k: k
"""

# A kernel of 20 ms that checks what it is asked for.
PACKAGE = """
from . import stax
__version__ = "stand-in"
def batch(f, batch_size):
    assert batch_size == 5
    return f
"""
STAX = """
import time
Dense = lambda units, W_std: ("dense", W_std)
Relu = lambda: ("relu",)
def serial(*parts):
    def kernel(x, other, kind):
        assert other is None and kind == "ntk" and len(parts) % 2 == 1 and parts[-1][0] == "dense"
        time.sleep(0.02)
        return x
    return None, None, kernel
"""


class Against(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def install(self, jax=JAX):
        os.makedirs("site/neural_tangents")
        for name, text in ("jax.py", jax), ("neural_tangents/__init__.py", PACKAGE), ("neural_tangents/stax.py", STAX):
            with open(os.path.join("site", name), "w") as f:
                f.write(text)

    def script(self, *args, package=()):
        env = dict(os.environ, PYTHONPATH=os.pathsep.join([os.path.abspath("site"), *package]))
        return subprocess.run([sys.executable, SCRIPT, *args], env=env, capture_output=True, text=True, timeout=100)

    def rows(self, *args, package=()):
        p = self.script(*args, package=package)
        self.assertEqual(p.returncode, 0, p.stderr)
        lines = p.stdout.splitlines()
        self.assertIn("stand-in", lines[0])
        return [line.split() for line in lines[2:]]

    def test_the_table(self):
        self.install()
        rows = self.rows("--samples", "20", "--layers", "1", "2", "--inputs", "3", "7", "--repeat", "2", package=[PACKAGE_FOLDER])
        self.assertEqual([row[:3] for row in rows], [[layers, inputs, dtype] for layers in "12" for inputs in "37" for dtype in ("float32", "float64")])
        for row in rows:
            theirs, ours, ratio = map(float, row[3:])
            self.assertGreaterEqual(theirs, 0.02e9 / 400)
            self.assertGreater(ours, 0)
            self.assertAlmostEqual(ratio, theirs / ours, delta=0.06 + 0.01 * theirs / ours / ours)

    def test_without_libntk(self):
        self.install()
        rows = self.rows("--samples", "20", "--layers", "1", "--inputs", "3", "--repeat", "1")
        self.assertEqual([row[4:] for row in rows], [["-", "-"]] * 2)

    def test_without_the_package(self):
        self.install(jax="raise ImportError('no jax here')")
        p = self.script()
        self.assertEqual((p.returncode, p.stdout), (1, ""))
        self.assertEqual(p.stderr, "against_neural_tangents.py: no jax here; it compares with that package\n")

    def test_arguments(self):
        self.install()
        self.assertEqual(self.script("--samples", "many").returncode, 2)
        self.assertEqual(self.script("--depth", "3").returncode, 2)


if __name__ == "__main__":
    unittest.main()
