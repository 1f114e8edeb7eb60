"""`python app.py`: the first request is answered, and building the page takes neither torch nor weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from tests.browser.serving import GUARD, ROOT, served

BUILD = """
import sys
from demos import _shell, topics

demo, _ = _shell.page(topics())
heavy = ("torch", "torchvision", "diffusers", "transformers", "sklearn", "scipy", "safetensors")
print(len(demo.blocks) > 50, [name for name in heavy if name in sys.modules])
"""


def test_app_answers_its_first_request(tmp_path: Path):
    with served(tmp_path / "log.txt") as address:
        answer = httpx.get(address, timeout=GUARD, trust_env=False)
    assert answer.status_code == 200
    assert "GenLab" in answer.text


def test_one_topic_alone_answers_too(tmp_path: Path):
    with served(tmp_path / "log.txt", "-m", "demos.open_set") as address:
        assert "GenLab" in httpx.get(address, timeout=GUARD, trust_env=False).text


def test_building_the_page_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=ROOT, capture_output=True, text=True, timeout=GUARD, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "True []"
