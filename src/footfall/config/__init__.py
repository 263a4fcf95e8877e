"""What a person configures: server settings, the subscription of a data directory, definitions of names, the zone."""

from footfall.config.definitions import load_definitions
from footfall.config.settings import Settings, load_settings
from footfall.config.subscription import Subscription, open_subscription
from footfall.config.zone import load_zone

__all__ = ["Settings", "Subscription", "load_definitions", "load_settings", "load_zone", "open_subscription"]
