"""Write ``openapi.json``, the description of the management API: ``python docs/reference/write_openapi.py``."""

from __future__ import annotations

import json
from pathlib import Path

from footfall.web.api.app import describe

PAGE = Path(__file__).with_name("openapi.json")


def text() -> str:
    """The page as it should be."""
    return json.dumps(describe().openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
