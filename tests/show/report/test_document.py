"""The page is one document that needs no other file."""

import json
import re

import pytest

from launch.show.report.document import page

FOUND = {"title": "runs <of> & one", "runs": [{"name": "a </script> b"}]}


@pytest.fixture(scope="module")
def document():
    return page(FOUND, [{"images": ["x"]}, {"images": ["y"]}])


def test_every_mark_of_the_template_is_filled(document):
    assert not re.findall(r"\{\{\w+\}\}", document)


def test_the_title_is_text_and_no_markup(document):
    assert "<title>runs &lt;of&gt; &amp; one</title>" in document


def test_content_cannot_end_its_script(document):
    assert "a </script> b" not in document


def test_pictures_stand_apart_by_their_place(document):
    found = re.findall(r'id="pictures-(\d)">(.*?)</script>', document)
    assert [place for place, _ in found] == ["0", "1"]
    assert [json.loads(text)["images"] for _, text in found] == [["x"], ["y"]]


def test_it_loads_nothing(document):
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]*)"', document)
    assert all(address.startswith("data:") for address in loaded)
