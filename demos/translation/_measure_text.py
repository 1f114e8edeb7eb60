"""What the measure part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
