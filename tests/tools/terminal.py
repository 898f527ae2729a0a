"""On a terminal: a bar while it works, wiped at the end; Ctrl-C as the terminal sends it."""
import os
import pty
import re
import subprocess
import threading
import time

import kit
from kit import network, save


class Terminal(kit.ToolTest):
    def start(self, rows, depth):
        """The tool with stderr on a terminal of its own; what it writes there gathers in self.seen."""
        network(kit.RELU * depth + [kit.dense()])
        save("x.npy", kit.random(82, rows, 4))
        return self.on_terminal("kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy")

    def on_terminal(self, *arguments):
        master, slave = pty.openpty()
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}

        def own_terminal():
            import fcntl
            import termios
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        p = subprocess.Popen([kit.TOOL, *arguments], stdin=slave, stdout=subprocess.DEVNULL,
                             stderr=slave, env=env, preexec_fn=own_terminal)
        self.addCleanup(p.kill)
        os.close(slave)
        self.seen = b""
        reader = threading.Thread(target=self.read, args=(master,), daemon=True)
        reader.start()
        return p, master, reader

    def read(self, master):
        try:
            while True:
                chunk = os.read(master, 65536)
                if not chunk:
                    return
                self.seen += chunk
        except OSError:  # the other end is closed
            pass

    def test_bar(self):
        p, master, reader = self.start(1500, 20)
        self.assertEqual(p.wait(timeout=100), 0)
        reader.join(20)
        percents = [int(v) for v in re.findall(rb"ntk kernel \[#* *\] +(\d+) %", self.seen)]
        self.assertGreater(len(percents), 1)
        self.assertEqual(percents, sorted(set(percents)))
        self.assertTrue(self.seen.endswith(b"\r\x1b[K"), self.seen[-60:])
        os.close(master)

    def test_bar_over_many_calls(self):
        """Training is thousands of calls of the library: one bar, which never falls."""
        network(kit.RELU + [kit.dense()])
        save("x.npy", kit.random(82, 20, 4))
        save("y.npy", kit.random(83, 20, 8))
        self.ntk("network", "init", "--network", "net.json", "--seed", 1, "--out", "p.npy")
        p, master, reader = self.on_terminal("train", "--network", "net.json", "--params", "p.npy", "--x", "x.npy", "--y", "y.npy", "--optimizer", "gd",
                                             "--learning-rate", "0.01", "--steps", "900", "--out", "q.npy", "--out-linearised", "g.npy")
        self.assertEqual(p.wait(timeout=100), 0)
        reader.join(20)
        percents = [int(v) for v in re.findall(rb"ntk train \[#* *\] +(\d+) %", self.seen)]
        self.assertGreater(len(percents), 50)
        self.assertEqual(percents, sorted(set(percents)))
        self.assertTrue(self.seen.endswith(b"\r\x1b[K"), self.seen[-60:])
        os.close(master)

    def test_control_c(self):
        p, master, reader = self.start(12000, 400)  # the whole takes long
        before = sorted(os.listdir("."))
        deadline = time.time() + 60
        while b"%" not in self.seen and time.time() < deadline:
            time.sleep(0.02)
        os.write(master, b"\x03")
        self.assertEqual(p.wait(timeout=60), 130)
        reader.join(20)
        self.assertTrue(self.seen.endswith(b"ntk: kernel: interrupted\r\n"), self.seen[-60:])
        self.assertEqual(sorted(os.listdir(".")), before)
        os.close(master)


if __name__ == "__main__":
    kit.main()
