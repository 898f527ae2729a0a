"""Ctrl-C ends the work long before its end, with exit code 130, and leaves no file behind."""
import os
import signal
import subprocess
import time

import kit
from kit import network, save


class Interrupt(kit.ToolTest):
    def test_kernel(self):
        network((kit.RELU * 40) + [kit.dense()])
        save("x.npy", kit.random(81, 25000, 4))
        before = sorted(os.listdir("."))
        p = subprocess.Popen([kit.TOOL, "kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.7)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=5)  # the whole would take much longer
        self.assertEqual((p.returncode, out, err), (130, b"", b"ntk: kernel: interrupted\n"))
        self.assertEqual(sorted(os.listdir(".")), before)


if __name__ == "__main__":
    kit.main()
