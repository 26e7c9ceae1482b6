"""``segscope model inspect``."""

import json

from tests.commands import call
from tests.inference.foreign.bundles import write_bundle


def test_it_is_said_in_words_and_as_json(tmp_path, capsys):
    bundle = write_bundle(tmp_path / "bundle")
    code, out, err = call(capsys, "model", "inspect", bundle)
    assert (code, err) == (0, "")
    assert out.startswith(f"{bundle}: a MONAI bundle\nnetwork: UNet")
    code, out, _ = call(capsys, "model", "inspect", bundle, "--json")
    assert json.loads(out)["kind"] == "a MONAI bundle"


def test_why_a_model_is_refused_is_said(tmp_path, capsys):
    code, _, err = call(capsys, "model", "inspect", tmp_path)
    assert code == 2
    assert "nothing of a model of another tool" in err
