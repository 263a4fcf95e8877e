"""Typing commands as an operator does, in this process: starting one takes two seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from footfall.cli import main


@pytest.fixture
def type_in(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """type_in(install, "jobs", "ls") -> (exit code, output, errors)."""

    def type_in(install, *arguments: str) -> tuple[int, str, str]:
        for name, value in install.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["footfall", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return type_in


@pytest.fixture
def asked(type_in) -> Callable[..., Any]:
    """The JSON answer of a command that ends with ``code``; where it prints nothing, what it says."""

    def ask(install, *arguments: str, code: int = 0) -> Any:
        ended, out, errors = type_in(install, *arguments, "--json")
        assert ended == code, f"{arguments}: {ended}\n{out}\n{errors}"
        return json.loads(out) if out else errors

    return ask
