"""Footfall: a self-hosted hub for product-usage data."""

__version__ = "0.1.0"
