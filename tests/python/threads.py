"""Two threads, each with its context, share handles; one context in two threads takes turns."""
import concurrent.futures
import threading
import time
import unittest

from kit import LAYERS, Case, close, data

import ntk


class Threads(Case):
    def setUp(self):
        self.kernel = ntk.Kernel(ntk.Network(LAYERS, input=[3]))
        self.wanted = self.kernel(data(300))

    def together(self, work):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(work) for _ in range(4)]:
                future.result()

    def test_own_contexts(self):
        def work():
            heard = []
            with ntk.Context(threads=1, progress=heard.append):
                for _ in range(10):
                    close(self.kernel(data(300)), self.wanted, 0)
                    self.fails("ERROR_SHAPE", "[2, 4]", self.kernel, data(2, 4))
            self.assertEqual(heard, [1.0] * 10)
        self.together(work)

    def test_default_contexts(self):
        self.together(lambda: [close(self.kernel(data(300)), self.wanted, 0) for _ in range(10)])

    def test_one_context(self):
        shared = ntk.Context(threads=1)

        def work():
            with shared:
                for _ in range(10):
                    close(self.kernel(data(300)), self.wanted, 0)
                    self.fails("ERROR_SHAPE", "[2, 4]", self.kernel, data(2, 4))
        self.together(work)

    def test_turns(self):
        """A call waits until the call of the other thread with the same context has ended."""
        shared, inside, events = ntk.Context(threads=1), threading.Event(), []

        def slow(a, b):
            inside.set()
            time.sleep(0.2)
            events.append("first")
            return a @ b.T

        def first():
            with shared:
                ntk.Kernel.from_function(slow)(data(5))
        thread = threading.Thread(target=first)
        thread.start()
        inside.wait()
        with shared:
            self.kernel(data(5))
        events.append("second")
        thread.join()
        self.assertEqual(events, ["first", "second"])

    def test_callback_kernel(self):
        kernel = ntk.Kernel.from_function(lambda a, b: a @ b.T)
        self.together(lambda: [close(kernel(data(50)), data(50) @ data(50).T, 1e-15) for _ in range(20)])


if __name__ == "__main__":
    unittest.main()
