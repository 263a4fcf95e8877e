"""What the admin port serves beside health and definitions: the management API and the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from footfall.config.feature_patterns import check_all_patterns
from footfall.errors import Unavailable
from footfall.model import definitions
from footfall.model.audit import Actor
from footfall.web.admin import create_admin
from footfall.web.identify import Keys
from footfall.web.late import Late
from footfall.web.metrics import Delivered, Figures, metrics
from footfall.wiring.acting import act_as

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

    from footfall.web.late import App
    from footfall.wiring.hub import Footfall
    from footfall.wiring.tasks import Tasks


def admin_of(hub: Footfall, keys: Keys, tasks: Callable[[], Tasks], more: Sequence[BaseRoute] = ()) -> Starlette:
    """The app of the admin port: health, definitions, ``/metrics``, ``more``, and, when first asked for, ``/api/*``.

    tasks: asked for when ``/api/*`` is; may wait.
    """

    def ready() -> dict[str, Any]:
        return {"log_end": hub.log.end(), "settled": hub.lake.position()}

    def define(actor: Actor, plain: object) -> None:
        act_as(actor)
        define_names(hub, plain)

    def make() -> App:
        from footfall.web.api.app import create_api
        from footfall.wiring.management import management_of

        return create_api(management_of(hub, keys, tasks()))

    delivered = Delivered()
    hub.jobs.finished = delivered
    routes = [Late("/api", make), metrics(partial(_figures, hub), delivered, keys.bearer), *more]
    return create_admin(who=partial(keys.bearer, needed="write"), define=define, ready=ready, more=routes)


def define_names(hub: Footfall, plain: object) -> None:
    """Add to the names of things, or change them. Raises ``BadRecord`` or ``Refused`` for what cannot be one."""
    metadata = definitions.read(plain)
    check_all_patterns(metadata)
    hub.catalogue.write(metadata, hub.clock())


def _figures(hub: Footfall) -> Figures:
    try:
        on_disk = sum(path.stat().st_size for path in (hub.settings.data / "log").glob("*.log"))
    except OSError as error:
        raise Unavailable(f"the log cannot be looked at: {error.strerror}") from error
    days = Counter(state for _, _, _, state, _ in hub.days())
    jobs = Counter(job.state for job in hub.jobs.all())
    return Figures(hub.ledger.counts(), hub.log.end(), hub.lake.position(), on_disk, days, jobs)
