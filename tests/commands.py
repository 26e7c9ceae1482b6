"""Commands as a person types them, in this process."""

import pytest

from segscope.cli.main import main


def call(capsys, *words):
    """Run ``segscope WORDS``; return exit code, output and errors; no traceback is ever shown."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return ended.value.code, said.out, said.err


def call_flat(capsys, *words):
    """As `call`; white space in the errors is folded, as terminals wrap lines anywhere."""
    code, out, err = call(capsys, *words)
    return code, out, " ".join(err.split())
