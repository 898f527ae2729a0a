"""IDX and IDX.gz, the format of MNIST: images and labels."""
import gzip
import json
import struct

import numpy as np

import kit
from kit import network, save


def idx_bytes(values, kind=8, axes=None, shape=None):
    shape = values.shape if shape is None else shape
    return struct.pack(">BBBB", 0, 0, kind, len(shape) if axes is None else axes) + struct.pack(">%dI" % len(shape), *shape) + values.tobytes()


def put(name, data):
    with (gzip.open if name.endswith(".gz") else open)(name, "wb") as f:
        f.write(data)
    return name


class Idx(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network(kit.RELU + [kit.dense()], (6,))
        rng = np.random.default_rng(8)
        self.images, self.labels = rng.integers(0, 256, (12, 2, 3), dtype=np.uint8), rng.integers(0, 3, 12, dtype=np.uint8)

    def fit(self, x, y, **more):
        return self.result("fit", "--network", "net.json", "--x", x, "--y", y, "--x-test", x, "--ridge", "0.1", **more)

    def refuse(self, data, *saying, name="x.idx"):
        put(name, data)
        self.ntk("kernel", "--network", "net.json", "--x1", name, "--out", "k.npy", code=2, saying=[name] + list(saying))

    def test_like_npy(self):
        want = self.fit(save("x.npy", self.images), save("y.npy", self.labels))
        self.assertEqual(want.shape[0], 12)
        for end in ("", ".gz"):
            self.same(self.fit(put("x.idx" + end, idx_bytes(self.images)), put("y.idx" + end, idx_bytes(self.labels))), want)

    def test_big_endian_extents(self):
        x = np.random.default_rng(7).integers(0, 256, (0x10203, 6), dtype=np.uint8)
        base = ["kernel", "--network", "net.json", "--diagonal", "--x1"]
        self.same(self.result(*base, put("x.idx", idx_bytes(x))), self.result(*base, save("x.npy", x)))

    def test_accuracy(self):
        put("x.gz", idx_bytes(self.images))
        put("y.gz", idx_bytes(self.labels))
        report = json.loads(self.ntk("fit", "--network", "net.json", "--x", "x.gz", "--y", "y.gz", "--x-test", "x.gz", "--y-test", "y.gz", "--json"))
        self.assertEqual((report["accuracy"], report["classes"]), (1.0, 3))

    def test_wrong_sizes(self):
        data = idx_bytes(self.images)
        for size in (1, 3, 4, 7, 15, 16, 17, len(data) - 1):
            self.refuse(data[:size])
            self.refuse(data[:size], name="x.idx.gz")
        self.refuse(data + b"\0", "more bytes than its header says")
        self.refuse(data + b"\0", "more bytes than its header says", name="x.idx.gz")
        for shape in ((13, 2, 3), (2**32 - 1, 2**32 - 1, 2**32 - 1), (2**31, 2, 3)):
            self.refuse(idx_bytes(self.images, shape=shape))
            self.refuse(idx_bytes(self.images, shape=shape), name="x.idx.gz")

    def test_wrong_kinds(self):
        self.refuse(idx_bytes(self.images, kind=0x0D), "type 0x0d")
        self.refuse(idx_bytes(self.images, axes=0), "0 axes")
        self.refuse(idx_bytes(self.images, axes=7), "7 axes")
        self.refuse(idx_bytes(self.images, axes=255), "255 axes")

    def test_damaged_gzip(self):
        whole = gzip.compress(idx_bytes(np.random.default_rng(9).integers(0, 256, (50, 6), dtype=np.uint8)))
        for size in range(2, len(whole), 13):
            with open("x.gz", "wb") as f:
                f.write(whole[:size])
            self.ntk("kernel", "--network", "net.json", "--x1", "x.gz", "--out", "k.npy", code=2, saying="x.gz")
        for at in (10, 40, len(whole) // 2, len(whole) - 6):
            damaged = bytearray(whole)
            damaged[at] ^= 0x5A
            with open("x.gz", "wb") as f:
                f.write(damaged)
            self.ntk("kernel", "--network", "net.json", "--x1", "x.gz", "--out", "k.npy", code=2, saying="x.gz")


if __name__ == "__main__":
    kit.main()
