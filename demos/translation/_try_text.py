"""What *Idea*, *Try* and *Predict* say."""

TEXT: dict[str, dict[str, str]] = {"en": {"idea": "…"}, "pt": {"idea": "…"}}
