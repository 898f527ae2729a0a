"""Commands, flags, help, and what both kinds of failure look like."""
import json
import subprocess

import numpy as np

import kit
from kit import network, save

COMMANDS = ["kernel", "network show", "network init", "network forward", "network jacobian", "fit", "predict", "spectrum", "dynamics", "gramian", "compare", "train", "doctor"]


class Usage(kit.ToolTest):
    def test_help(self):
        for command in COMMANDS:
            text = self.ntk("help", *command.split())
            self.assertEqual(text, self.ntk(*command.split(), "--help"))
            self.assertIn("--json", text)
            self.assertIn(command, self.ntk("--help"))
        self.assertIn("0.1.0", self.ntk("--version"))

    def test_group(self):
        """`network` alone is no command: what begins with it."""
        text = self.ntk("network", "--help")
        self.assertEqual(text, self.ntk("help", "network"))
        for command in COMMANDS:
            self.assertEqual(f"ntk {command} " in text, command.startswith("network "))
        self.ntk("network", code=2, saying="`ntk help network` lists them")

    def test_no_command(self):
        p = subprocess.run([kit.TOOL], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((p.returncode, p.stdout), (2, b""))

    def test_unknown_words(self):
        self.ntk("kernal", code=2, saying="did you mean 'kernel'")
        self.ntk("network", "shwo", code=2, saying="did you mean 'network show'")
        self.ntk("kernel", "--netwrok", "x", code=2, saying="unknown flag --netwrok; did you mean --network?")
        self.ntk("kernel", "--netw", "x", code=2, saying="unknown flag --netw;")
        self.ntk("kernel", "--netw=x", code=2, saying="unknown flag --netw;")
        self.ntk("kernel", "-x", code=2, saying="unknown flag")
        self.ntk("doctor", "stray", code=2, saying="unexpected argument 'stray'")

    def test_values(self):
        for flag, value in [("ridge", "-1"), ("ridge", "nan"), ("ridge", "inf"), ("ridge", "1x"), ("ridge", ""), ("time", "-1"), ("time", "nan"),
                            ("learning-rate", "0"), ("get", "gp"), ("get", "ntk|"), ("get", "ntk|nngp"), ("loss-scale", "")]:
            self.ntk("predict", "--" + flag, value, code=2, saying="--" + flag)
        for value in ("-1", "18446744073709551616", "1.5", "", " 1"):
            self.ntk("network", "init", "--seed", value, code=2, saying="--seed")
        for value in ("0", "-3", "2147483648"):
            self.ntk("doctor", "--threads", value, code=2, saying="--threads")
        self.ntk("predict", "--ridge", code=2, saying="--ridge needs a value")
        self.ntk("predict", "--json=1", code=2, saying="takes no value")
        self.ntk("predict", "--y", "a", "--y", "b", code=2, saying="--y is given twice")

    def test_flags_that_belong_together(self):
        self.ntk("kernel", "--x1", "a", "--out", "k.npy", code=2, saying="--network NET.json is missing")
        base = ["kernel", "--network", "n", "--x1", "a", "--out", "k.npy"]
        self.ntk(*base, "--params", "p", code=2, saying="--params needs --empirical")
        self.ntk(*base, "--empirical", code=2, saying="--params P is missing")
        self.ntk(*base, "--x2", "b", "--diagonal", code=2, saying="exclude each other")
        self.ntk(*base, "--per-layer", "--kind", "nngp", code=2, saying="--per-layer")
        self.ntk("fit", "--ridge", "1", "--ridge-relative", "1", "--network", "a", "--x", "a", "--y", "a", "--x-test", "a", code=2, saying="exclude each other")

    def test_network_files(self):
        x, out = save("x.npy", np.ones((2, 4))), ["--out", "k.npy"]
        self.ntk("kernel", "--network", "none.json", "--x1", x, *out, code=2, saying="none.json: No such file")
        with open("bad.json", "w") as f:
            f.write('{"format": ')
        self.ntk("kernel", "--network", "bad.json", "--x1", x, *out, code=2, saying="bad.json: ")
        network([kit.dense(), {"op": "rellu"}], name="op.json")
        self.ntk("kernel", "--network", "op.json", "--x1", x, *out, code=2, saying=["op.json: ", "layers[1]", "rellu"])
        network([{"op": "relu"}], name="rule.json")
        self.ntk("kernel", "--network", "rule.json", "--x1", x, *out, code=2, saying=["rule.json: ", "layers[0]"])
        network([kit.dense()])
        self.ntk("kernel", "--network", "net.json", "--x1", save("y.npy", np.ones((2, 5))), *out, code=2,
                 saying=["y.npy has shape [2, 5]", "[4]"])
        self.ntk("kernel", "--network", ".", "--x1", x, *out, code=2, saying="is a directory")

    def test_json(self):
        network([kit.dense(), {"op": "relu"}, kit.dense(units=3)])
        show = json.loads(self.ntk("network", "show", "--network", "net.json", "--json"))
        self.assertEqual((show["input"], show["outputs"], show["parametric_layers"], show["parameters"]), ([4], 3, 2, 4 * 8 + 8 * 3))
        self.assertEqual([layer["op"] for layer in show["network"]["layers"]], ["dense", "relu", "dense"])
        save("x.npy", kit.random(1, 5, 4))
        made = json.loads(self.ntk("kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy", "--json"))
        self.assertEqual(made["out"], {"file": "k.npy", "shape": [5, 5]})
        self.assertGreaterEqual(made["seconds"], 0)
        self.assertGreater(made["peak_bytes"], 1 << 20)
        doctor = json.loads(self.ntk("doctor", "--json", "--threads", "1"))
        self.assertEqual((doctor["threads"], doctor["libntk"]), (1, "0.1.0"))

    def test_table(self):
        network([kit.dense()])
        self.assertIn("seconds ", self.ntk("network", "show", "--network", "net.json"))

    def test_full_standard_output(self):
        with open("/dev/full", "w") as full:
            p = subprocess.run([kit.TOOL, "doctor", "--json"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual((p.returncode, p.stderr.count(b"\n")), (1, 1))


if __name__ == "__main__":
    kit.main()
