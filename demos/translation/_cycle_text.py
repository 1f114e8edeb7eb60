"""What the cycle part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
