"""timm is imported without its own warnings, in a process that takes warnings as errors."""

import subprocess
import sys


def test_the_import_is_silent_where_warnings_are_errors():
    code = "from segscope.networks.timm_library import import_timm; print(import_timm().__name__)"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "timm\n", "")
