"""GenLab's page: `python app.py`, then open the address it prints."""

from __future__ import annotations

import logging
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from demos import _shell, topics


def main() -> None:
    """Serve every topic."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    _shell.serve(topics())


if __name__ == "__main__":
    main()
