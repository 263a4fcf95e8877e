"""Where an address is, as far as public tables tell: its country from a table that is bundled, more from a city file.

The bundled table (``iptocc``, the five registries' own data) knows in which country an address was assigned. A city
file is one in MaxMind's format that the operator brings; it needs the extra ``geo``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from footfall.errors import Refused
from footfall.model.columns import LOCATION_FIELDS
from footfall.model.countries import COUNTRIES

_REMEMBERED: Final = 16_384
_LANGUAGE: Final = "en"
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Places:
    """``of(address)`` is what is known of where an address is. Safe to share between threads.

    city_file: in MaxMind's format. Raises ``Refused`` when it cannot be read or the extra is missing.
    """

    def __init__(self, city_file: Path | None = None) -> None:
        self._cities = None if city_file is None else _opened(city_file)
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)

    def _of(self, address: str) -> str:
        """JSON object of ``LOCATION_FIELDS``, without those that are not known; ``""`` when nothing is."""
        if not address:
            return ""
        known = {**self._country(address), **self._city(address)}
        return _encode({name: known[name] for name in LOCATION_FIELDS if known.get(name)}).decode() if known else ""

    def _country(self, address: str) -> dict[str, str]:
        from iptocc import country_code

        return _country(country_code(address) or "")

    def _city(self, address: str) -> dict[str, str]:
        try:
            found: Any = None if self._cities is None else self._cities.get(address)
        except ValueError:  # no address, or one of a version that the file does not have
            found = None
        if not isinstance(found, dict):
            return {}
        state = (found.get("subdivisions") or [{}])[0]
        country = found.get("country") or {}
        told = {
            **_country(country.get("iso_code") or ""),
            "countryName": _name(country),
            "continentCode": (found.get("continent") or {}).get("code"),
            "stateCode": state.get("iso_code"),
            "stateName": _name(state),
            "cityName": _name(found.get("city") or {}),
            "postalCode": (found.get("postal") or {}).get("code"),
            "timeZone": (found.get("location") or {}).get("time_zone"),
        }
        return {name: str(value) for name, value in told.items() if value}


def _country(code: str) -> dict[str, str]:
    name, continent = COUNTRIES.get(code, ("", ""))
    return {"countryCode": code, "countryName": name, "continentCode": continent} if code else {}


def _name(record: Any) -> str | None:
    name: str | None = (record.get("names") or {}).get(_LANGUAGE)
    return name


def _opened(path: Path) -> Any:
    try:
        import maxminddb
    except ImportError as error:
        raise Refused("city_file needs the extra geo", "Install it with: pip install 'footfall[geo]'") from error
    try:
        return maxminddb.open_database(path, maxminddb.MODE_MMAP)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise Refused(f"city_file {path} cannot be read: {error}", "Give a file in MaxMind's format (.mmdb)") from error
