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
        master, slave = pty.openpty()
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}

        def own_terminal():
            import fcntl
            import termios
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        p = subprocess.Popen([kit.TOOL, "kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy"], stdin=slave, stdout=subprocess.DEVNULL,
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
