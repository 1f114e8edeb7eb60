"""What the few part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
