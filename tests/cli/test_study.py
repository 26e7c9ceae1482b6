"""Studies are named by their questions; the papers' names stay."""

import pytest
from typer.main import get_command

from segscope.cli.main import app, main
from segscope.cli.study import STUDIES


def of_study(name):
    return get_command(app).commands["study"].commands[name]


def shown(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", STUDIES)
def test_an_alias_is_the_same_command(name):
    alias, function = STUDIES[name]
    one, other = of_study(name), of_study(alias)
    assert one.callback.__wrapped__ is other.callback.__wrapped__ is function
    assert [vars(p)["opts"] for p in one.params] == [vars(p)["opts"] for p in other.params]
    assert [p.default for p in one.params] == [p.default for p in other.params]
    assert (one.hidden, other.hidden) == (False, True)


def test_help_names_questions_and_says_the_aliases(capsys):
    text = shown(capsys, "study").replace("│ │", "│")
    plain = " ".join(text.replace("│", " ").split())
    for name, (alias, _) in STUDIES.items():
        assert text.count(f"│ {name} ") == 1
        assert f"│ {alias} " not in text
        assert f"(also: {alias})" in plain
        assert f"Also: segscope study {alias}" in shown(capsys, "study", name)


def test_no_name_stands_for_two_studies():
    aliases = [alias for alias, _ in STUDIES.values()]
    assert len({*STUDIES, *aliases}) == 10
    assert {*get_command(app).commands["study"].commands} == {*STUDIES, *aliases}
