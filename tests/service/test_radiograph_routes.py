"""Radiographs over HTTP: grey values under their hash, and DRRs of poses, quick or whole, at their pixels."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from fastapi.testclient import TestClient
from small_department import SET_UP, open_department
from small_patient import SmallPatient
from test_desk_radiographs import KV_PAIR, TUBE_AS_STATED, exported_pair, set_up
from test_image_routes import signed_in

from isoguide.service.app import app_without_records
from isoguide.workflow.clinic.pictures.gallery import Gallery


@dataclass
class Page:
    """A browser of somebody who is signed in, and the address of the one pair of radiographs."""

    client: TestClient
    image: str

    def drawn(self, index: int, pose: list[float], **more: object) -> np.ndarray:
        answer = self.client.post(
            f"{self.image}/views/{index}/drr", json={"planning_from_daily": pose, **more}
        )
        assert answer.status_code == 200
        return np.frombuffer(answer.content, dtype=np.uint8).reshape(192, 192).astype(float)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("radiographs")
    with open_department(folder, patient, protocol=KV_PAIR) as d:
        set_up(d)
        d.desk.image(d.course, exported_pair(d, "one"), by="anna", couch=SET_UP, said=TUBE_AS_STATED)
        app = app_without_records()
        signed_in(app)
        app.state.gallery = Gallery.of(d.desk)
        uid = d.desk.records.fraction(d.course, 1).images[0].uid
        yield Page(TestClient(app), f"/api/courses/C0001/fractions/1/images/{uid}")


def test_each_view_comes_with_its_pixels_and_directions(page: Page) -> None:
    document = page.client.get(page.image).json()
    assert document["kind"] == "radiographs"
    assert document["volume"] is None
    front, side = document["views"]
    assert (front["left"], front["right"], front["top"], front["bottom"]) == ("R", "L", "H", "F")
    # LPS: seen from the front columns grow to the patient's left, from his left side to his back.
    np.testing.assert_allclose(front["right_axis"], [1.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(side["right_axis"], [0.0, 1.0, 0.0], atol=1e-9)
    for one in (front, side):
        np.testing.assert_allclose(one["down_axis"], [0.0, 0.0, -1.0], atol=1e-9)
        answer = page.client.get(one["address"])
        assert len(answer.content) == one["columns"] * one["rows"]
        assert hashlib.sha256(answer.content).hexdigest() == one["sha256"]


def test_a_drr_follows_its_pose_quick_or_whole(page: Page) -> None:
    """The plan lies 16 mm further to the patient's left: 15 pixels of 16/15 mm to the right on the screen."""
    still = page.client.get(page.image).json()["uncorrected"]
    moved = [*still]
    moved[3] -= 16.0
    middle = (slice(40, 152), slice(40, 152))
    for more in ({}, {"is_quick": False}, {"is_quick": True}):
        before, after = page.drawn(0, still, **more), page.drawn(0, moved, **more)
        alike = {
            px: np.corrcoef(np.roll(before, px, axis=1)[middle].ravel(), after[middle].ravel())[0, 1]
            for px in range(10, 21)
        }
        assert max(alike, key=alike.__getitem__) == 15
    whole, quick = page.drawn(0, still), page.drawn(0, still, is_quick=True)
    assert not np.array_equal(quick, whole)
    assert np.abs(quick - whole)[middle].mean() < 8.0


def test_markers_that_the_match_does_not_look_for_are_not_called_lost(page: Page) -> None:
    pose = {"planning_from_daily": page.client.get(page.image).json()["uncorrected"]}
    over = page.client.post(f"{page.image}/views/1/overlays", json=pose).json()
    assert over["were_markers_sought"] is False
    assert {one["found"] for one in over["markers"]} <= {None}
    assert "PTV" in [one["name"] for one in over["outlines"]]


def test_a_view_that_is_not_there_is_named(page: Page) -> None:
    pose = {"planning_from_daily": page.client.get(page.image).json()["uncorrected"]}
    answer = page.client.post(f"{page.image}/views/2/drr", json=pose)
    assert answer.status_code in (404, 422)
    assert "no view 2" in answer.json()["detail"]
