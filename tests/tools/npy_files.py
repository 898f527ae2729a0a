"""Every npy that NumPy writes is read like NumPy reads it, or refused; what the tool writes, NumPy reads."""
import os
import stat
import struct

import numpy as np

import kit
from kit import network, save


def write_npy(name, header, data=b"", version=1, length=None):
    header = header.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header) if length is None else length)
    with open(name, "wb") as f:
        f.write(b"\x93NUMPY" + bytes([version, 0]) + size + header + data)
    return name


def header(descr="<f8", order="False", shape="(2, 4)"):
    return "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)


class Read(kit.ToolTest):
    """A dense layer alone has K = X X'/d, which shows the numbers that were read."""

    def setUp(self):
        super().setUp()
        network([{"op": "dense", "units": 1, "w_std": 1.0}], (6,))

    def kernel(self, name, **more):
        return self.result("kernel", "--network", "net.json", "--kind", "nngp", "--x1", name, **more)

    def refuse(self, name, *saying, code=2):
        self.ntk("kernel", "--network", "net.json", "--x1", name, "--out", "k.npy", code=code, saying=[name] + list(saying))
        self.assertFalse(os.path.exists("k.npy"))

    def test_types_and_orders(self):
        values = np.arange(30).reshape(5, 6) * 7 % 11
        for dtype in ("f8", "f4", "i8", "i4", "u1", "b1"):
            x = np.asarray(values - 3 if dtype[0] in "fi" else values, dtype=dtype)
            want = x.astype(float) @ x.astype(float).T / 6
            first = self.kernel(save("x.npy", x))
            self.close(first, want, 4 * kit.EPS)
            self.same(self.kernel(save("x.npy", np.asfortranarray(x))), first)
            for version in (1, 2, 3):
                with open("x.npy", "wb") as f:
                    np.lib.format.write_array(f, x, version=(version, 0))
                self.same(self.kernel("x.npy"), first)

    def test_more_axes(self):
        x = kit.random(3, 5, 2, 3)
        want = self.kernel(save("x.npy", x.reshape(5, 6)))
        self.same(self.kernel(save("x.npy", x)), want)
        self.same(self.kernel(save("x.npy", np.asfortranarray(x))), want)
        self.same(self.kernel(save("x.npy", np.asfortranarray(x.reshape(5, 2, 1, 3)))), want)

    def test_f32(self):
        x = kit.random(4, 5, 6)
        got = self.result("kernel", "--network", "net.json", "--kind", "nngp", "--dtype", "f32", "--x1", save("x.npy", x))
        self.assertEqual(got.dtype, np.float32)
        self.close(got.astype(float), x @ x.T / 6, 1e-6)
        self.same(self.result("kernel", "--network", "net.json", "--kind", "nngp", "--dtype", "f32", "--x1", save("x.npy", x.astype("f4"))), got)
        self.ntk("kernel", "--network", "net.json", "--dtype", "f32", "--x1", save("x.npy", x * 1e300), "--out", "k.npy", code=2, saying="x.npy")

    def test_pipe_and_gzip(self):
        import gzip
        x = save("x.npy", kit.random(5, 3, 6))
        want = self.kernel(x)
        with open(x, "rb") as f, gzip.open("x.npy.gz", "wb") as g:
            g.write(f.read())
        self.same(self.kernel("x.npy.gz"), want)
        with open(x, "rb") as f:
            self.same(self.kernel("/dev/stdin", stdin=f), want)

    def test_nothing(self):
        self.assertEqual(self.kernel(save("x.npy", np.zeros((0, 6)))).shape, (0, 0))
        self.refuse(save("x.npy", np.zeros((3, 0))), "[3, 0]")
        self.refuse(save("x.npy", np.float64(1)), "[]")

    def test_refused_types(self):
        for dtype in (">f8", ">i4", "i2", "u4", "c16", "O", "U3", "f2", "g", [("a", "f8")]):
            np.save("x.npy", np.zeros((3, 6), dtype), allow_pickle=True)
            self.refuse("x.npy", "big-endian" if dtype[0] == ">" else "")

    def test_not_finite(self):
        for bad in (np.nan, np.inf, -np.inf):
            x = np.zeros((3, 6))
            x[1, 2] = bad
            self.refuse(save("x.npy", x), "value 8 of shape [3, 6] is not a finite f64")

    def test_every_truncation(self):
        with open(save("whole.npy", np.ones((2, 6))), "rb") as f:
            data = f.read()
        for size in list(range(0, len(data), 7)) + [len(data) - 1]:
            with open("x.npy", "wb") as f:
                f.write(data[:size])
            self.refuse("x.npy")
        with open("x.npy", "wb") as f:
            f.write(data + b"\0")
        self.refuse("x.npy", "more bytes than its header says")

    def test_lying_headers(self):
        for shape in ("(100000, 6)", "(1000000000000, 6)", "(4611686018427387904, 4)", "(0, 9223372036854775807, 9223372036854775807)"):
            self.refuse(write_npy("x.npy", header(shape=shape), bytes(64)), "more than the file can hold")
        for shape in ("(2, 5)", "(99999999999999999999, 4)", "(-2, -4)", "(2, 4", "(,)", "2", "(1000000000,)",
                      "(2,2,2,2,2,2,2)", "('a', 2)", ""):
            self.refuse(write_npy("x.npy", header(shape=shape), bytes(64)))
        for text in ("", "{}", "{'descr'", "{'descr': ", "{'descr': '<f8", header(order="Maybe"), header(descr=""), header(descr="<f80"), header(descr="f8")):
            self.refuse(write_npy("x.npy", text, bytes(64)))
        self.refuse(write_npy("x.npy", header(), bytes(64), length=65535))
        self.refuse(write_npy("x.npy", header(), bytes(64), version=2, length=2**32 - 1))
        self.refuse(write_npy("x.npy", header(), bytes(64), version=4), "version 4")
        self.refuse("missing.npy", "No such file")


class Write(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network([{"op": "dense", "units": 1}], (3,))
        save("x.npy", kit.random(6, 4, 3))
        self.command = ["kernel", "--network", "net.json", "--x1", "x.npy"]

    def refuse(self, name, *saying):
        before = sorted(os.listdir("."))
        self.ntk(*self.command, "--out", name, code=1, saying=[name] + list(saying))
        self.assertEqual(sorted(os.listdir(".")), before)

    def test_format(self):
        for dtype, code in (("f64", "<f8"), ("f32", "<f4")):
            got = self.result(*self.command, "--dtype", dtype)
            self.assertEqual((got.dtype.str, got.flags.c_contiguous), (code, True))
            with open("r.npy", "rb") as f:
                self.assertEqual(np.lib.format.read_magic(f), (1, 0))
                np.lib.format.read_array_header_1_0(f)
                self.assertEqual(f.tell() % 64, 0)

    def test_replaces_a_file_and_keeps_its_mode(self):
        with open("r.npy", "w") as f:
            f.write("old")
        os.chmod("r.npy", 0o640)
        self.assertEqual(self.result(*self.command).shape, (4, 4))
        self.assertEqual(stat.S_IMODE(os.stat("r.npy").st_mode), 0o640)
        os.remove("r.npy")
        os.umask(0o022)
        self.result(*self.command)
        self.assertEqual(stat.S_IMODE(os.stat("r.npy").st_mode), 0o644)
        self.assertEqual(sorted(os.listdir(".")), ["net.json", "r.npy", "x.npy"])

    def test_through_a_link(self):
        save("real.npy", np.zeros(2))
        os.symlink("real.npy", "r.npy")
        self.assertEqual(self.result(*self.command).shape, (4, 4))
        self.assertTrue(os.path.islink("r.npy"))
        self.assertEqual(np.load("real.npy").shape, (4, 4))

    def test_refused_targets(self):
        os.mkdir("folder")
        os.mkfifo("fifo")
        self.refuse("folder", "not a regular file")
        self.refuse("fifo", "not a regular file")
        self.refuse("/dev/full", "not a regular file")
        self.refuse("/dev/null", "not a regular file")
        self.refuse("none/k.npy")
        self.refuse("x.npy/k.npy")
        self.refuse("n" * 300)
        self.ntk(*self.command, "--out", "", code=2, saying="--out")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def test_input_may_be_the_output(self):
        want = self.result(*self.command)
        self.ntk(*self.command, "--out", "x.npy")
        self.same(np.load("x.npy"), want)

    def test_full_disk(self):
        """A limit on the size of files stands in for a full disk: no partial file, the old one stays."""
        import resource
        save("x.npy", kit.random(7, 100, 3))
        with open("k.npy", "w") as f:
            f.write("old")

        def small_files():
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        self.ntk(*self.command, "--out", "k.npy", code=1, saying="k.npy: cannot be written: File too large", preexec_fn=small_files)
        with open("k.npy") as f:
            self.assertEqual(f.read(), "old")
        self.assertEqual(sorted(os.listdir(".")), ["k.npy", "net.json", "x.npy"])


if __name__ == "__main__":
    kit.main()
