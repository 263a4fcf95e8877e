"""What a status callback says of a file, and the names of files in ``processed/``."""

from __future__ import annotations

import pytest

from footfall.model.imports import FileVersion
from footfall.model.people_inbox import Taken, processed_key, status_of


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("/srv/hub/imports/held/im1: broken", "(a place): broken"),
        ("s3://acme/px/current/a.csv is cut", "(a place) is cut"),
        ("current/a.csv, line 1: the header has and/or", "current/a.csv, line 1: the header has and/or"),
    ],
)
def test_an_error_that_is_told_names_files_and_no_place(error, told):
    taken = Taken(FileVersion("current/a.csv", "1", 3), None, error=error)
    assert status_of(taken, "USER", ())["error"] == told


@pytest.mark.parametrize("name", ["a.csv", "é" * 125 + ".csv", "a." + "b" * 249 + ".csv", "x" * 251 + ".csv"])
def test_a_name_of_its_own_keeps_the_extension_and_fits(name):
    key = processed_key(f"current/{name}", "im0123456789012345678901")
    assert key.startswith("processed/")
    assert key.endswith(".csv")
    assert "_im0123456789012345678901." in key
    assert len(key.removeprefix("processed/").encode()) <= 255
