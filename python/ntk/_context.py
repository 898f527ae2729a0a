"""Contexts, calls and errors."""
import ctypes
import signal
import threading
import weakref

from . import _abi

_library = _abi.library


class Error(Exception):
    """A call of the library failed.  str() is its sentence; `status` the name of its status, such as "ERROR_SHAPE"."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status

    def __reduce__(self):
        return Error, (self.status, str(self))


class _Thread(threading.local):
    """The contexts of one thread, innermost last.  None: one is made when it is needed."""

    def __init__(self):
        self.contexts = [None]


_thread = _Thread()


def current():
    """The context that calls of this thread use."""
    contexts = _thread.contexts
    if contexts[-1] is None:
        contexts[-1] = Context()
    return contexts[-1]


class Context:
    """Threads, memory limit and progress of the calls made inside its `with` block.  Calls outside of any use one of all defaults.

    progress(done) is called during long work with the share done in [0, 1]; if it returns True the call ends with Error,
    ERROR_CANCELLED; an exception that it raises ends the call too, and comes out of it.  Ctrl-C is heard at the same moments.
    log(sentence) receives warnings.
    """

    def __init__(self, threads=0, memory_limit=0, progress=None, log=None):
        self._progress, self._log = progress, log
        self._busy, self._owner = threading.Lock(), None
        self._user_code = self._interrupted = False
        self._raised = None
        weak = weakref.ref(self)  # the context owns its callbacks, not they it
        self._thunks = _abi.PROGRESS(lambda _, done: weak()._on_progress(done)), _abi.LOG(lambda _, text: weak()._on_log(text))
        options = _abi.ContextOptions(threads=threads, memory_limit=memory_limit, progress=self._thunks[0])
        if log:
            options.log = self._thunks[1]
        handle = ctypes.c_void_p()
        status = _library.ntk_context_create(options, handle)
        if status:
            raise Error(_library.ntk_status_name(status).decode(), _library.ntk_status_message(status).decode())
        self._handle = handle.value
        weakref.finalize(self, _library.ntk_context_destroy, self._handle)

    def __enter__(self):
        _thread.contexts.append(self)
        return self

    def __exit__(self, *_):
        _thread.contexts.pop()

    def __reduce__(self):
        raise TypeError("a Context cannot be copied")

    threads = property(lambda self: _library.ntk_context_threads(self._handle))
    cpu = property(lambda self: _library.ntk_context_cpu(self._handle).decode())

    # ---- callbacks: none may let an exception escape into C

    def guarded(self, function, *arguments):
        """Runs the user's code inside a call: (its result, False), or (None, True) when the call shall end."""
        _thread.contexts.append(None)  # calls that it makes in turn have a context of their own
        try:
            self._user_code = True
            if self._interrupted:
                raise KeyboardInterrupt
            return function(*arguments), False
        except BaseException as problem:
            self._raised = problem
            return None, True
        finally:
            self._user_code = False
            _thread.contexts.pop()

    def _on_progress(self, done):
        stop, failed = self.guarded(self._progress or bool, done if self._progress else 0)
        return int(failed or bool(stop))

    def _on_log(self, text):
        self.guarded(self._log, text.decode())

    # ---- Ctrl-C: inside the user's code it raises at once, inside the library it waits for the next callback

    def _on_interrupt(self, number, frame):
        if self._user_code:
            raise KeyboardInterrupt
        self._interrupted = True

    def _catch_interrupt(self):
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return None
        return signal.signal(signal.SIGINT, self._on_interrupt)

    # ---- calls

    def _acquire(self):
        if self._owner == threading.get_ident():
            raise RuntimeError("this Context is in the middle of a call; make another one for calls from its callbacks")
        self._busy.acquire()
        self._owner = threading.get_ident()

    def _release(self):
        self._owner = None
        self._busy.release()

    def _run(self, function, arguments):
        self._interrupted, self._raised = False, None
        before = self._catch_interrupt()
        try:
            status = function(self._handle, *arguments)
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
        problem, self._raised = self._raised, None
        if problem is not None:
            raise problem
        if self._interrupted:
            raise KeyboardInterrupt
        if status:
            raise Error(_library.ntk_status_name(status).decode(), _library.ntk_context_error_message(self._handle).decode())

    def call(self, name, *arguments):
        self._acquire()
        try:
            self._run(getattr(_library, "ntk_" + name), arguments)
        finally:
            self._release()


def call(name, *arguments):
    """Calls ntk_<name> with the current context in front; raises what went wrong."""
    current().call(name, *arguments)


def enumerator(enum, name):
    """The number of an enumerator."""
    value = ctypes.c_int()
    if getattr(_library, f"ntk_{enum}_from_name")(str(name).encode(), value):
        return value.value
    raise ValueError(f"{name!r} is no {enum}")


class Handle:
    """What owns one handle of the library.  It goes when Python lets go of it; in which order does not matter.

    `keeps` are the objects whose memory or callbacks the handle uses: the handles it was made from, borrowed arrays.
    """

    noun = None

    def __init__(self, constructor, *arguments, keeps=()):
        handle = ctypes.c_void_p()
        call(constructor, *arguments, handle)
        self._handle, self._keeps = handle.value, keeps
        weakref.finalize(self, getattr(_library, f"ntk_{self.noun}_destroy"), self._handle)

    @classmethod
    def _made(cls, constructor, *arguments, keeps=()):
        self = cls.__new__(cls)
        Handle.__init__(self, constructor, *arguments, keeps=keeps)
        return self

    @property
    def _as_parameter_(self):
        return self._handle

    def _get(self, what, *arguments):
        return getattr(_library, f"ntk_{self.noun}_{what}")(self._handle, *arguments)

    def __reduce__(self):
        raise TypeError(f"a {type(self).__name__} cannot be copied")
