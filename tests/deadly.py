"""Native libraries whose every function ends its process, planted for the process that decodes."""

import contextlib

from segscope.data.decoders.isolated import close_isolated

DEADLY = """
import os, signal

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *args, **options: os.kill(os.getpid(), signal.SIGSEGV)
"""


@contextlib.contextmanager
def deadly(folder, monkeypatch, *names):
    """Within, the decoding process finds these modules first; ours has the real ones already."""
    for name in names:
        file = folder.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.parent != folder:
            (file.parent / "__init__.py").touch()
        file.write_text(DEADLY)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        close_isolated()
        yield
    close_isolated()
