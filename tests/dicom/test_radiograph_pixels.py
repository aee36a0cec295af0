"""What pixels mean comes from the file or from the user, and pixels that say nothing do not count."""

import numpy as np
import pytest
from radiograph_builders import VALUES, dx_image, item

from isoguide.dicom.radiograph_pixels import PixelMeaning, read_radiograph_pixels
from isoguide.dicom.scan import open_dicom
from isoguide.errors import AmbiguityError, InputError, MissingEvidenceError, UnreadableError


def read(tmp_path, meaning=None, values=VALUES, **changes):
    return read_radiograph_pixels(open_dicom(dx_image(tmp_path, values, **changes)), meaning)


@pytest.mark.parametrize(
    ("relationship", "sign", "quantity", "grows"),
    [("LIN", 1, "intensity", 1), ("LIN", -1, "intensity", -1), ("LOG", -1, "line integral", 1)]
    + [("LOG", 1, "line integral", -1)],
)
def test_relationship_and_sign_decide_which_quantity_grows_with_the_stored_value(
    tmp_path, relationship, sign, quantity, grows
):
    found = read(tmp_path, PixelIntensityRelationship=relationship, PixelIntensityRelationshipSign=sign)
    assert found.quantity == quantity
    assert np.sign(float(found.values[-1, -1]) - float(found.values[0, 0])) == grows


def test_monochrome1_only_says_how_to_show_the_values(tmp_path):
    shown = read(tmp_path, PhotometricInterpretation="MONOCHROME1", WindowCenter=5, WindowWidth=2)
    np.testing.assert_array_equal(shown.values, read(tmp_path).values)


def test_twelve_of_sixteen_bits_are_saturated_at_4095_and_at_0(tmp_path):
    values = np.full((8, 8), 2000, dtype=np.uint16)
    values[0, 0], values[1, 1], values[2, 2] = 4095, 0, 4094
    found = read(tmp_path, values=values, BitsStored=12, HighBit=11)
    assert np.argwhere(~found.counts).tolist() == [[0, 0], [1, 1]]


def test_padding_does_not_count_and_signed_values_keep_their_sign(tmp_path):
    values = np.full((8, 8), -5, dtype=np.int16)
    values[3, 4] = -2000
    found = read(tmp_path, values=values, PixelRepresentation=1, PixelPaddingValue=-2000)
    assert np.argwhere(~found.counts).tolist() == [[3, 4]]


def test_a_modality_table_and_a_rescale_define_the_values(tmp_path):
    values = np.array([[1, 2], [3, 2]], dtype=np.uint16)
    table = item(LUTDescriptor=[4, 1, 16], LUTData=[0, 100, 400, 900], ModalityLUTType="US")
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    np.testing.assert_array_equal(
        read(tmp_path, values=values, ModalityLUTSequence=[table]).values, [[0, 100], [400, 100]]
    )
    scaled = read(tmp_path, values=values, RescaleSlope=0.5, RescaleIntercept=10)
    np.testing.assert_allclose(scaled.values, [[0.5, 1.0], [1.5, 1.0]])


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        (
            {"PixelIntensityRelationship": None},
            MissingEvidenceError,
            r"\(relationship nothing with sign -1\)",
        ),
        ({"PixelIntensityRelationship": "DISP"}, MissingEvidenceError, "say whether they are LIN or LOG"),
        ({"NumberOfFrames": 3}, AmbiguityError, "has 3 frames; export the one that is meant"),
        ({"PhotometricInterpretation": "RGB"}, UnreadableError, "is RGB; export a grey image"),
        ({"RescaleSlope": -1, "RescaleIntercept": 0}, UnreadableError, "turns its values round"),
    ],
)
def test_what_is_not_known_is_refused_in_a_sentence(tmp_path, changes, error, sentence):
    with pytest.raises(error, match=sentence):
        read(tmp_path, **changes)


def test_the_user_says_what_the_file_does_not_but_does_not_contradict_it(tmp_path):
    said = read(tmp_path, PixelMeaning("LIN", 1), PixelIntensityRelationshipSign=None)
    assert said.quantity == "intensity"
    with pytest.raises(InputError, match="says LOG with sign -1 of its pixels, not LIN with sign 1"):
        read(tmp_path, PixelMeaning("LIN", 1))


def test_an_image_that_is_saturated_everywhere_is_refused(tmp_path):
    with pytest.raises(UnreadableError, match="no pixel that is neither saturated nor padding"):
        read(tmp_path, values=np.full((4, 4), 65535, dtype=np.uint16))


def test_an_image_that_saw_nothing_is_refused(tmp_path):
    changes = {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1}
    with pytest.raises(UnreadableError, match="no pixel that saw X-rays"):
        read(
            tmp_path,
            values=np.full((4, 4), 10, dtype=np.uint16),
            RescaleSlope=1,
            RescaleIntercept=-10,
            **changes,
        )


def test_a_table_that_is_cut_is_refused(tmp_path):
    table = item(LUTDescriptor=[5, 1, 16], LUTData=[0, 100, 400, 900])
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    with pytest.raises(UnreadableError, match="a modality LUT of 4 instead of 5 entries"):
        read(tmp_path, ModalityLUTSequence=[table])
