"""What the job engine writes down: plain words, and of errors the name alone."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.checkpoints import LostError, PlainJson

SERIALIZER = PlainJson()
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)
SECRET = "https://files.slack.com/upload/v1/BEARER xoxb-1 +441234567890"


@settings(max_examples=50, deadline=None)
@given(plain.filter(lambda data: not (isinstance(data, dict) and set(data) == {"lost_error"})))
def test_plain_data_comes_back_as_it_was(data: object) -> None:
    assert SERIALIZER.deserialize(SERIALIZER.serialize(data)) == data


@given(st.text(min_size=1))
def test_nothing_of_an_error_but_its_type_is_kept(text: str) -> None:
    written = SERIALIZER.serialize(RuntimeError(text, SECRET))

    assert json.loads(written) == {"lost_error": "RuntimeError"}


def test_an_error_comes_back_as_one_that_tells_its_name() -> None:
    back = SERIALIZER.deserialize(SERIALIZER.serialize(KeyError(SECRET)))

    assert isinstance(back, LostError)
    assert str(back) == "KeyError"


@pytest.mark.parametrize("data", [b"audio", object(), {1, 2}])
def test_what_is_not_plain_is_refused_rather_than_pickled(data: object) -> None:
    with pytest.raises(TypeError):
        SERIALIZER.serialize(data)


def test_the_format_has_a_name_of_its_own() -> None:
    assert SERIALIZER.name() == "callaudio_json"
