"""What tests of the management API send."""

from __future__ import annotations

JOB = {"name": "daily", "to": "", "options": {"reports": ["Users"], "format": "csv"}}
KEY_ID, KEY_SECRET = "AKIAEXAMPLE000001234", "a-canary-secret-that-must-not-show"
MAIL = {"name": "ops", "host": "smtp.example.com", "sender": "hub@example.com", "to": ["ops@example.com"]}
AUTHORIZATION = {
    "name": "lake",
    "endpoint_url": "https://s3.example.com",
    "secrets": {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET},
}
