"""The PX dialect of the collector, ``/px/v1``: what clients of PX's REST API ask and change.

See docs/reference/px-api.md.
"""
