"""What the failures part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
