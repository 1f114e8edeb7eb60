"""What the diffuse part says."""

TEXT: dict[str, dict[str, str]] = {"en": {}, "pt": {}}
