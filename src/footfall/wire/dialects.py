"""All dialects that clients may speak, by the name that the collector's paths give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from footfall.model.reading import Dialect
from footfall.wire import cloudevents, native, otlp, posthog, segment, sendgrid

DIALECTS: Final[Mapping[str, Dialect]] = {
    segment.NAME: segment.read,
    native.NAME: native.read,
    posthog.NAME: posthog.read,
    sendgrid.NAME: sendgrid.read,
    cloudevents.NAME: cloudevents.read,
    otlp.NAME: otlp.read,
}
