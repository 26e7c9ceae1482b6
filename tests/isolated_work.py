"""What isolated processes are made to do in tests; light, as each imports it anew."""

import os
import signal
import sys
import time


def double(value):
    return value * 2


def same(*args):
    return args


def fail(kind):
    raise kind_of(kind)(f"what {kind}\nsays")


def kind_of(name):
    import builtins

    return type("OddCodecError", (Exception,), {}) if name == "odd" else getattr(builtins, name)


def die(number):
    os.kill(os.getpid(), number)
    time.sleep(60)


def segfault():
    import ctypes

    ctypes.string_at(0)


def leave(code):
    os._exit(code)


def hang():
    time.sleep(600)


def hang_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    while True:
        pass


def shout():
    os.write(1, b"noise on standard output\n" * 100)
    print("more of it", file=sys.stderr)
    return "done"


def odd():
    return object()


def who():
    return os.getpid()


def modules():
    return sorted(sys.modules)
