"""Pictures over HTTP: bytes under their hash, documents with units, and a sentence where nothing is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from small_department import ACCESSORIES, SET_UP, open_department
from small_patient import MACHINE_ISOCENTRE_MM, write_small_patient

from isoguide.service.app import app_without_records
from isoguide.service.dependencies import UserDep
from isoguide.workflow.clinic.pictures.gallery import Gallery

PLANNING = "/api/courses/C0001/planning"


@dataclass
class Page:
    """A browser of somebody who is signed in, and the address of the one image of the fraction."""

    client: TestClient
    image: str

    def bytes_at(self, header: dict) -> np.ndarray:
        answer = self.client.get(header["address"])
        assert answer.status_code == 200
        assert answer.headers["etag"] == f'"{header["sha256"]}"'
        assert len(answer.content) == header["bytes"]
        return np.frombuffer(answer.content, dtype="<i2").reshape(header["size"][::-1])


def signed_in(app: FastAPI) -> None:
    """Let everybody in: who may is tested with the sign-in."""
    app.dependency_overrides[UserDep.__metadata__[0].dependency] = lambda: None


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("pictures")
    patient = write_small_patient(folder / "patient")
    with open_department(folder, patient) as d:
        d.desk.begin(d.course, by="anna", accessories=ACCESSORIES)
        d.desk.set_up(d.course, by="anna", couch=SET_UP)
        d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)
        app = app_without_records()
        signed_in(app)
        app.state.gallery = Gallery.of(d.desk)
        uid = d.desk.records.fraction(d.course, 1).images[0].uid
        yield Page(TestClient(app), f"/api/courses/C0001/fractions/1/images/{uid}")


def test_the_plan_comes_with_its_voxels_and_structures(page: Page) -> None:
    document = page.client.get(PLANNING).json()
    values = page.bytes_at(document["volume"])
    assert values.min() < -900  # air, in Hounsfield units
    assert document["patient_position"] == "HFS"
    assert document["dose"] is None
    assert "no dose of plan 'EXAMPLE'" in document["no_dose_because"]
    drawn = page.client.get(f"{PLANNING}/structures").json()
    assert drawn["not_drawn"] == []
    target = next(one for one in drawn["structures"] if one["name"] == "PTV")
    assert target["kind"] == "target"
    distance = page.bytes_at(target["distance"])
    grid = target["distance"]
    index = (np.array(document["isocentre_mm"]) - grid["origin_mm"]) / grid["spacing_mm"]
    i, j, k = np.rint(index).astype(int)
    assert distance[k, j, i] < -10 * 32  # the isocentre lies more than 10 mm inside
    assert page.client.get(f"{PLANNING}/dose/voxels").status_code == 422


def test_bytes_are_kept_by_whoever_names_their_hash_and_asked_for_again_by_others(page: Page) -> None:
    header = page.client.get(PLANNING).json()["volume"]
    answer = page.client.get(header["address"])
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert "content-encoding" not in answer.headers
    again = page.client.get(header["address"], headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    bare = page.client.get(f"{PLANNING}/voxels")
    assert bare.headers["cache-control"] == "private, no-cache"


def test_bytes_of_another_hash_are_refused_and_not_replaced(page: Page) -> None:
    answer = page.client.get(f"{PLANNING}/voxels", params={"v": "0" * 64})
    assert answer.status_code == 422
    assert "not the one that the page was told of" in answer.json()["detail"]


def test_the_image_comes_with_where_it_lies(page: Page) -> None:
    document = page.client.get(page.image).json()
    assert document["kind"] == "volume"
    assert document["views"] == []
    assert document["is_hounsfield"] is False
    assert document["machine_isocentre_mm"] == pytest.approx(list(MACHINE_ISOCENTRE_MM))
    assert page.bytes_at(document["volume"]).shape == (44, 90, 90)
    uncorrected = np.reshape(document["uncorrected"], (4, 4))
    there = uncorrected[:3, :3] @ MACHINE_ISOCENTRE_MM + uncorrected[:3, 3]
    np.testing.assert_allclose(there, page.client.get(PLANNING).json()["isocentre_mm"])


def test_the_figures_and_a_pose_by_hand_are_answered(page: Page) -> None:
    figures = page.client.get(f"{page.image}/figures").json()
    assert figures["not_available_because"] == ""
    assert figures["similarity"] > 0.7
    assert figures["starts_agreeing"][0] <= figures["starts_agreeing"][1]
    assert len(figures["residuals"]) > 3
    uncorrected = page.client.get(page.image).json()["uncorrected"]
    answer = page.client.post(f"{page.image}/similarity", json={"planning_from_daily": uncorrected}).json()
    assert set(answer["correction"].values()) == {0.0}
    assert answer["pose"]["longitudinal_mm"] == pytest.approx(SET_UP.longitudinal_mm)
    assert answer["similarity"] < figures["similarity"]
    assert answer["from_engine_mm"] > 1.0


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1], "mirrors"),
        ([2.0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1], "not rigid"),
        ([1.0, 0, 0, 9000.0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], "more than 500 mm"),
        ([1.0, 0, 0], "at least 16"),
    ],
)
def test_what_is_no_pose_is_refused_in_a_sentence(page: Page, numbers: list[float], words: str) -> None:
    answer = page.client.post(f"{page.image}/similarity", json={"planning_from_daily": numbers})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_picture_is_png(page: Page) -> None:
    answer = page.client.get(f"{page.image}/picture", params={"plane": "coronal", "corrected": "false"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/api/courses/C0009/planning", "C0009"),
        (f"{PLANNING}/structures/77/distance", "no structure 77"),
        ("/api/courses/C0001/fractions/1/images/1.2.3", "no image 1.2.3"),
        ("/api/courses/C0001/fractions/7/images/1.2.3", "7"),
    ],
)
def test_what_is_not_there_is_named(page: Page, address: str, words: str) -> None:
    answer = page.client.get(address)
    assert answer.status_code in (404, 422)
    assert words in answer.json()["detail"]


def test_a_volume_has_no_radiographs_to_draw(page: Page) -> None:
    pose = {"planning_from_daily": page.client.get(page.image).json()["uncorrected"]}
    for answer in (
        page.client.get(f"{page.image}/views/0/pixels"),
        page.client.post(f"{page.image}/views/0/drr", json=pose),
        page.client.post(f"{page.image}/views/0/overlays", json=pose),
    ):
        assert answer.status_code in (404, 422)
        assert "no radiographs" in answer.json()["detail"]
