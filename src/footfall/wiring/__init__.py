"""The only room that names implementations."""

from footfall.wiring.hub import Footfall
from footfall.wiring.serving import serve, verify_place

__all__ = ["Footfall", "serve", "verify_place"]
