"""Ctrl-C ends the work long before its end, with exit code 130, and leaves no file behind."""
import os
import signal
import subprocess
import time

import kit
from kit import network, save


class Interrupt(kit.ToolTest):
    def test_kernel(self):
        network((kit.RELU * 400) + [kit.dense()])
        save("x.npy", kit.random(81, 12000, 4))
        before = sorted(os.listdir("."))
        # glibc's MALLOC_PERTURB_, which Meson sets, would fill the whole result before the work begins
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        p = subprocess.Popen([kit.TOOL, "kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=env)
        self.addCleanup(p.kill)
        time.sleep(0.7)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)  # the whole takes over a minute
        self.assertEqual((p.returncode, out, err), (130, b"", b"ntk: kernel: interrupted\n"))
        self.assertEqual(sorted(os.listdir(".")), before)


if __name__ == "__main__":
    kit.main()
