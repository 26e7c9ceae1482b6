"""Whether a path is a file that ends, told without opening it: a pipe would wait for ever."""

import os
import stat
from pathlib import Path


def why_no_file(path: Path) -> tuple[str, str] | None:
    """Say why a path is no regular file, and what to do; None where it is one.

    Links are followed. Nothing is opened, so pipes and devices are told at once.

    Example:
        >>> why_no_file(Path("/"))
        ('is a folder', 'put a file here')
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if os.path.lexists(path):
            return "is a link to a file that is not there", "mend or remove the link"
        return "is missing", "put it here"
    except PermissionError:
        return "may not be read", "check its permissions"
    except (OSError, ValueError) as error:  # a link to itself, too long a name, NUL in it
        said = error.strerror if isinstance(error, OSError) else None
        return f"cannot be opened ({(said or str(error)).lower()})", "check the path"
    if stat.S_ISDIR(mode):
        return "is a folder", "put a file here"
    if not stat.S_ISREG(mode):
        return "is no regular file (a pipe, a socket or a device)", "put a file here"
    return None
