"""One family of errors, grouped by what the caller can do."""

import pytest

from isoguide import errors


@pytest.mark.parametrize(
    "kind", ["UnreadableError", "GeometryError", "MismatchError", "AmbiguityError", "MissingEvidenceError"]
)
def test_bad_input_is_caught_as_one_kind(kind):
    assert issubclass(getattr(errors, kind), errors.InputError)


def test_every_error_is_caught_by_the_root_and_drawn_in_the_tree():
    family = [value for value in vars(errors).values() if isinstance(value, type)]
    for error in family:
        assert issubclass(error, errors.IsoguideError)
        assert error.__name__ in errors.__doc__


def test_stopping_on_request_and_failing_to_write_are_not_bad_input():
    assert not issubclass(errors.Cancelled, errors.InputError)
    assert not issubclass(errors.OutputError, errors.InputError)
