"""The built page: its files and no others."""

import json
from pathlib import Path

import pytest

from isoguide.errors import UnreadableError
from isoguide.service.page_files import Page

INDEX_SHA256 = "45a04bb5a16a0099dafd22745a6bbe2bbebe18b40949aa06f9c6c652708fda72"
"""Of the index below, as ``sha256sum`` says."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>console</title>")
    (folder / "assets" / "main-5d0c9f.js").write_text("0;")
    (tmp_path / "secret.txt").write_text("out of reach")
    return folder


@pytest.fixture
def client(folder: Path, open_service):
    return open_service(page_folder=folder).client()


@pytest.mark.parametrize("path", ["/", "/index.html", "/courses/C0001", "/audit"])
def test_the_page_finds_its_own_way(client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, "<title>console</title>")
    assert answer.headers["cache-control"] == "no-cache"


def test_what_has_its_hash_in_its_name_is_kept_for_good(client) -> None:
    answer = client.get("/assets/main-5d0c9f.js")
    assert answer.text == "0;"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "javascript" in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/assets/main-000000.js", "/assets/none", "/favicon.ico"])
def test_a_file_that_is_not_there_is_not_the_page(client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["kind"]) == (404, "no such address")


@pytest.mark.parametrize(
    "path", ["/..%2Fsecret.txt", "/assets/..%2F..%2Fsecret.txt", "/%2E%2E/secret.txt", "/a%00b.txt"]
)
def test_nothing_outside_the_folder_is_served(client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "out of reach" not in answer.text


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, client) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    assert client.get("/link.txt").status_code == 404


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/none", "/api/courses/../none"])
def test_an_unknown_address_of_the_api_is_not_the_page(client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (401, 404)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_that_was_not_built_says_so_plainly(open_service, tmp_path: Path) -> None:
    answer = open_service(page_folder=tmp_path / "nothing").client().get("/")
    assert answer.status_code == 503
    assert "its page was not built" in answer.text
    assert "<script" not in answer.text


class TestTheBuild:
    def test_is_what_the_build_says(self, folder):
        (folder / "build.json").write_text(json.dumps({"build": "a1b2c3"}))
        assert Page.in_folder(folder).build == "a1b2c3"

    def test_is_otherwise_the_hash_of_the_index(self, folder):
        first = Page.in_folder(folder).build
        assert first == INDEX_SHA256[:16]
        (folder / "index.html").write_text("<title>another</title>")
        assert Page.in_folder(folder).build != first

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"build": ""}', '{"build": 7}'])
    def test_that_cannot_be_read_is_refused(self, folder, content: str):
        (folder / "build.json").write_text(content)
        with pytest.raises(UnreadableError, match="does not say which build the page is"):
            Page.in_folder(folder)
