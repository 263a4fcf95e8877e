"""The only room that names implementations."""

from footfall.wiring.hub import Footfall
from footfall.wiring.serving import serve
from footfall.wiring.verifying import verify_authorized, verify_place

__all__ = ["Footfall", "serve", "verify_authorized", "verify_place"]
