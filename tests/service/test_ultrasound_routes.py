"""Ultrasound over HTTP: brightness, fan and shadow under their hashes, with what they were matched to."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from fastapi.testclient import TestClient
from small_patient import SmallPatient
from test_image_routes import signed_in
from ultrasound_course import PRESSED_MM, knows_the_truth, scanned, ultrasound_department

from isoguide.service.app import app_without_records
from isoguide.workflow.clinic.pictures.gallery import Gallery

PLANNING = "/api/courses/C0001/planning"


@dataclass
class Page:
    """A browser of somebody who is signed in, and the address of the one ultrasound image."""

    client: TestClient
    image: str

    def values(self, header: dict) -> np.ndarray:
        answer = self.client.get(header["address"])
        assert answer.status_code == 200
        assert answer.headers["etag"] == f'"{header["sha256"]}"'
        assert "immutable" in answer.headers["cache-control"]
        return np.frombuffer(answer.content, dtype="<i2").reshape(header["size"][::-1])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple) -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patched:
        knows_the_truth(patched, patient.phantom.isocentre_mm)
        with ultrasound_department(tmp_path_factory.mktemp("ultrasound"), patient, simulated) as d:
            scanned(d)
            app = app_without_records()
            signed_in(app)
            app.state.gallery = Gallery.of(d.desk)
            uid = d.desk.records.fraction(d.course, 1).images[0].uid
            yield Page(TestClient(app), f"/api/courses/C0001/fractions/1/images/{uid}")


def test_the_days_ultrasound_comes_with_its_fan_and_its_shadow(page: Page) -> None:
    document = page.client.get(page.image).json()
    assert document["kind"] == "ultrasound"
    assert document["matched_to"] == "ultrasound reference"
    assert document["views"] == []
    assert document["is_hounsfield"] is False
    brightness = page.values(document["volume"])
    fan, shadow = (page.values(document["ultrasound"][name]) for name in ("fan", "shadow"))
    assert set(np.unique(brightness[brightness < 0])) == {-32768}
    assert brightness.max() <= 255
    seen = brightness >= 0
    assert ((fan[1:-1, 1:-1, 1:-1] < 0) == seen).mean() > 0.97
    assert ((shadow < 0) <= seen).all()
    assert (shadow < 0).any()
    assert document["windows"][0] == {"name": "all echoes", "centre_hu": 127.5, "width_hu": 255.0}


def test_the_plan_comes_with_its_ct_and_its_ultrasound(page: Page) -> None:
    document = page.client.get(PLANNING).json()
    assert page.values(document["volume"]).min() < -900  # air, in Hounsfield units
    reference = document["ultrasound"]
    assert reference["taken_at"].startswith("2026-03-02T08:00")
    assert page.values(reference["volume"]).max() <= 255
    assert (page.values(reference["masks"]["fan"]) < 0).any()
    assert reference["windows"][0]["name"] == "all echoes"


def test_a_part_under_another_hash_is_not_given(page: Page) -> None:
    header = page.client.get(page.image).json()["ultrasound"]["fan"]
    wrong = header["address"].replace(header["sha256"], "0" * 64)
    assert page.client.get(wrong).status_code == 422
    assert page.client.get(f"{page.image}/ultrasound/colour").status_code == 422


def test_the_figures_say_region_by_region_what_the_probe_pressed(page: Page) -> None:
    figures = page.client.get(f"{page.image}/figures").json()
    assert figures["not_available_because"] == ""
    assert list(PRESSED_MM) in [one["shift_mm"] for one in figures["residuals"]]
    assert figures["starts_agreeing"] == [8, 9]


def test_an_image_that_is_no_ct_has_no_voxels_of_one(page: Page) -> None:
    assert page.client.get(f"{page.image}/voxels").status_code == 422
