"""What the losses part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
