"""How cases are predicted, defined once."""

from dataclasses import fields
from typing import get_type_hints

import segscope.inference
from segscope.predict_options import PredictKeywords, PredictOptions
from segscope.workflows.predict import PredictOptions as OfUsers


def test_users_say_it_in_the_words_of_inference():
    assert issubclass(OfUsers, PredictOptions)
    assert segscope.inference.PredictOptions is PredictOptions
    own = {one.name for one in fields(PredictOptions)}
    assert own < {one.name for one in fields(OfUsers)}
    assert not own & set(vars(OfUsers)["__annotations__"])  # nothing is said twice


def test_keywords_are_its_fields():
    hints = {one.name: one.type for one in fields(PredictOptions)}
    assert get_type_hints(PredictKeywords) == hints
