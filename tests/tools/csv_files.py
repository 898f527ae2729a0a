"""Comma-separated numbers: the optional header, the many ways to end a line, and what is refused."""
import json
import os

import numpy as np

import kit
from kit import network, save

ROWS = "1,2.5,-3\n4e-1,.5,6\n7,8,9\n"


def put(name, text):
    with open(name, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return name


class Csv(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network([{"op": "dense", "units": 1}], (3,))

    def kernel(self, name, **more):
        return self.result("kernel", "--network", "net.json", "--x1", name, **more)

    def refuse(self, text, *saying):
        put("x.csv", text)
        self.ntk("kernel", "--network", "net.json", "--x1", "x.csv", "--out", "k.npy", code=2, saying=["x.csv"] + list(saying))

    def test_spellings(self):
        want = self.kernel(save("x.npy", [[1, 2.5, -3], [0.4, 0.5, 6], [7, 8, 9]]))
        for text in (ROWS, ROWS[:-1], ROWS.replace("\n", "\r\n"), "a,b,c\n" + ROWS, '"a b", "c", d\r\n' + ROWS, "\ufeff" + ROWS, "\ufeffa,b,c\n" + ROWS,
                     ROWS + "\n\n", ROWS.replace(",", " ,\t"), "+" + ROWS, ",,x\n" + ROWS):
            self.same(self.kernel(put("x.csv", text)), want)

    def test_locale(self):
        want = self.kernel(put("x.csv", ROWS))
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8"):
            self.same(self.kernel("x.csv", env=dict(os.environ, LC_ALL=name)), want)

    def test_refused(self):
        self.refuse(ROWS + "1,2\n", "line 4 has 2 fields; the lines before have 3")
        self.refuse("1,2,3\n4,5,6,7\n", "line 2 has 4 fields")
        self.refuse(ROWS + "1,x,3\n", "line 4, field 2 is not a number")
        self.refuse("1,2,x\n" + ROWS, "line 1, field 3 is not a number")
        self.refuse("a,b,c\n1,,3\n", "line 2, field 2 is not a number")
        self.refuse("1,2,\n4,5,6\n", "line 1, field 3 is not a number")
        self.refuse("1,2\n,3\n", "line 2, field 1 is not a number")
        self.refuse("1;2;3\n1;2;3\n", "is not a number")
        self.refuse("1,2,3 4\n", "is not a number")
        self.refuse("a,b,c\n", "holds no numbers")
        self.refuse("\n", "holds no numbers")
        self.refuse("", "is empty")
        self.refuse("1,2,nan\n", "not a finite")
        self.refuse("1,2,1e999\n", "not a finite")
        self.refuse(b"1,2,3\n4,\0,6\n", "zero byte")

    def test_integer_column_is_classes(self):
        put("x.csv", "\n".join("%d,%d,%d" % (i * i % 7, i, 1) for i in range(9)))
        base = ["fit", "--network", "net.json", "--x", "x.csv", "--x-test", "x.csv", "--ridge", "1", "--y"]
        whole, real = put("y.csv", "label\n" + "5\n-2\n7\n" * 3), put("z.csv", "5.0\n-2\n7\n" * 3)
        self.assertEqual(self.result(*base, whole).shape, (9, 3))
        self.assertEqual(self.result(*base, real).shape, (9,))
        self.same(self.result(*base, whole, "--regression"), self.result(*base, real))
        self.assertIn("accuracy", json.loads(self.ntk(*base, whole, "--y-test", whole, "--json")))
        self.ntk(*base, whole, "--y-test", real, code=2, saying="expected a vector of classes")

    def test_long_file(self):
        x = kit.random(10, 3000, 3)
        np.savetxt("x.csv", x, delimiter=",", fmt="%.17g")
        base = ["kernel", "--network", "net.json", "--diagonal", "--x1"]
        self.same(self.result(*base, "x.csv"), self.result(*base, save("x.npy", x)))


if __name__ == "__main__":
    kit.main()
