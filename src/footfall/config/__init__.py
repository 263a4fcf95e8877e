"""What a person configures: server settings, the subscription of a data directory, the zone."""

from footfall.config.settings import Settings, load_settings
from footfall.config.subscription import Subscription, open_subscription
from footfall.config.zone import load_zone

__all__ = ["Settings", "Subscription", "load_settings", "load_zone", "open_subscription"]
