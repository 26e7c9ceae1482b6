"""``segscope data convert`` lists, shows and refuses."""

import yaml

from tests.commands import call


def test_the_command_lists_shows_and_refuses(tmp_path, capsys):
    code, out, _ = call(capsys, "data", "convert", "--list")
    assert code == 0
    assert "busi" in out
    code, out, _ = call(capsys, "data", "convert", "--show", "isic")
    assert code == 0
    assert yaml.safe_load(out)["labels"] == {"skin_lesion": 255}
    for words, said in (
        ([], "SOURCE and -o are needed"),
        (["x", "-o", "y"], "name the folders by --images and --masks"),
        (["x", "-o", "y", "--layout", "no"], "neither a file nor one of acdc"),
        (["x", "-o", "y", "--images", "a"], "--images belongs together with either"),
        (["x", "-o", "y", "--images", "a", "--masks", "b", "--label", "z"], "expected NAME=VALUE"),
        (["x", "-o", "y", "--layout", "isic"], "no such folder"),
    ):
        code, _, err = call(capsys, "data", "convert", *words)
        assert code == 2
        assert said in err
