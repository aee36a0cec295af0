import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.motion.prediction import Predictor


def test_what_was_seen_once_is_expected_to_stay_with_an_error_that_grows_with_time():
    predictor = Predictor()
    predictor.see(10.0, np.array([1.0, -2.0, 3.0]))
    soon, later = predictor.predict(10.1), predictor.predict(10.4)
    np.testing.assert_array_equal(later.position_mm, [1.0, -2.0, 3.0])
    assert np.all(np.diag(later.covariance_mm2) > np.diag(soon.covariance_mm2))
    assert not later.is_regular


def test_nothing_is_predicted_from_nothing():
    with pytest.raises(InputError, match="nothing has been seen"):
        Predictor().predict(1.0)
