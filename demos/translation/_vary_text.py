"""What the vary part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
