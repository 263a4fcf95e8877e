"""One file a way to tell people something; see ``ports.Messenger``."""
