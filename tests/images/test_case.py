"""Cases are grouped by subject."""

from dataclasses import FrozenInstanceError

import pytest

from segscope.images import Case


@pytest.mark.parametrize(("subject", "group"), [("s1", "s1"), (None, "a"), ("", "a")])
def test_a_case_without_a_subject_is_a_group_of_its_own(subject, group):
    assert Case("a", (), subject=subject).group == group


def test_a_case_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Case("a", ()).name = "b"
