"""The management API of the admin port, imported when it is first asked for: FastAPI takes half a second."""
