"""Write the JSON Schema of ``footfall.yaml`` from the table of fields: ``python docs/reference/write_schema.py``."""

from __future__ import annotations

from pathlib import Path

from footfall.config.definition_file import SCHEMA_NAME, schema_text

if __name__ == "__main__":
    Path(__file__).with_name(SCHEMA_NAME).write_text(schema_text(), "utf-8")
