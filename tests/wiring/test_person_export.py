"""All that is held about one person: where it is written, and who may read it there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from footfall.errors import Refused
from footfall.wiring.person_export import PersonFiles, write_person

FOUND = PersonFiles({"profile.json": b'{"email": "ada@example.com"}\n'}, 0, 0)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def everybody_may_read_new_files():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("there", [False, True], ids=["new", "there already"])
def test_the_files_of_a_folder_are_for_their_owner_only(tmp_path, there):
    out = tmp_path / "ada"
    if there:
        out.mkdir(0o755)
    write_person(FOUND, out)
    assert mode_of(out / "profile.json") == 0o600


@pytest.mark.parametrize("there", [False, True], ids=["new", "there already"])
def test_an_archive_is_for_its_owner_only_before_anything_is_in_it(tmp_path, monkeypatch, there):
    out = tmp_path / "ada.zip"
    if there:
        out.write_bytes(b"an older one")
    modes: list[int] = []
    write = Path.write_bytes

    def watched(path: Path, data: bytes) -> int:
        modes.append(mode_of(path) if path.exists() else -1)
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", watched)
    write_person(FOUND, out)
    assert modes == [0o600]
    assert out.read_bytes().startswith(b"PK")


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="there already"):
        write_person(FOUND, tmp_path / "ada")
    assert [path.name for path in (tmp_path / "ada").iterdir()] == ["mine.txt"]
