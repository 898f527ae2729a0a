"""Damaged files of every format: an answer or one sentence, never a crash, never a partial result."""
import gzip
import io
import os
import random
import struct
import subprocess

import numpy as np

import kit

ROUNDS = int(os.environ.get("NTK_FUZZ_ROUNDS", "60"))


def damage(rng, data):
    """Flips, cuts, inserts, repeats or blows up some bytes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data)) if data else 0
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at:at + rng.choice((1, 4, 1000))]
        elif kind == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 8))))
        elif kind == 3:
            data[at:at] = data[at:at + 16] * 3
        else:
            data[at:at + 4] = b"9999"
    return bytes(data)


class Hostile(kit.ToolTest):
    def seeds(self):
        npy = io.BytesIO()
        np.save(npy, kit.random(71, 3, 4))
        idx = struct.pack(">BBBBII", 0, 0, 8, 2, 3, 4) + bytes(range(12))
        return {"npy": npy.getvalue(), "idx": idx, "csv": b"a,b,c,d\n1,2,3,4\n5,6,7,8\n", "npy.gz": gzip.compress(npy.getvalue()), "idx.gz": gzip.compress(idx)}

    def attack(self, command, name, data):
        with open(name, "wb") as f:
            f.write(data)
        p = subprocess.run([kit.TOOL] + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        err = p.stderr.decode(errors="replace")
        self.assertIn(p.returncode, (0, 1, 2), "%r: %s" % (data, err))
        if p.returncode:
            self.assertTrue(err.startswith("ntk: ") and err.count("\n") == 1, err)
        self.assertEqual(os.path.exists("k.npy"), p.returncode == 0)
        if p.returncode == 0:
            self.assertTrue(np.isfinite(np.load("k.npy")).all())
            os.remove("k.npy")

    def test_arrays(self):
        kit.network([kit.dense()])
        rng = random.Random(72)
        for end, data in self.seeds().items():
            for _ in range(ROUNDS):
                self.attack(["kernel", "--network", "net.json", "--x1", "x." + end, "--out", "k.npy"], "x." + end, damage(rng, data))

    def test_networks(self):
        kit.network(kit.RELU + [kit.dense(), {"op": "branch", "merge": "sum", "branches": [[], [kit.dense()]]}, {"op": "repeat", "times": 2, "layers": [kit.dense()]}])
        with open("net.json", "rb") as f:
            text = f.read()
        kit.save("x.npy", kit.random(73, 3, 4))
        rng = random.Random(74)
        for _ in range(2 * ROUNDS):
            self.attack(["kernel", "--network", "bad.json", "--x1", "x.npy", "--out", "k.npy"], "bad.json", damage(rng, text))


if __name__ == "__main__":
    kit.main()
