"""What must hold of every model, of the repository's files, and of who may import what."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genmodels import registry, weights
from genmodels.errors import Refusal

ROOT = Path(__file__).resolve().parents[2]
CARDS = registry.cards()
EMBEDDED = [card for card in CARDS if isinstance(card.weights, weights.Embedded)]
FILE_BYTES, ASSETS_BYTES = 9_000_000, 150_000_000
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".h5", ".onnx")
each = pytest.mark.parametrize("card", EMBEDDED, ids=[card.id for card in EMBEDDED])


@pytest.fixture(autouse=True)
def forget():
    yield
    registry.forget()


def tracked() -> list[Path]:
    """Every file that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(tree: ast.AST) -> set[str]:
    """Every module and `module.name` that a tree imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def inside(names: set[str], *packages: str) -> list[str]:
    return sorted(n for n in names if any(n == p or n.startswith(f"{p}.") for p in packages))


def test_ids_are_kebab_case_and_topics_have_folders():
    assert len(EMBEDDED) >= 7
    for card in CARDS:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", card.id)
        assert card.topic in registry.topics()
        assert card.can and card.license and card.source and card.data and card.params > 0


@each
def test_every_registered_model_ships_its_weights(card):
    assert registry.unavailable(card) is None, f"{card.id} is registered without weights"
    assert list(registry.folder(card.id).rglob("*.safetensors"))


@each
def test_card_says_what_the_registry_says(card):
    written = weights.read_card(card.weights.name)
    expected = {"id": card.id, "params": card.params, "license": card.license, "data": card.data}
    assert {key: written.get(key) for key in expected} == expected
    assert written.get("source", card.source) == card.source
    assert written["device"] in ("cpu", "cuda", "mps")
    assert written["recipe"] == f"python -m genmodels train {card.id}"
    assert {"steps", "images", "seconds"} <= set(written["trained"])
    assert written["trained"]["steps"] > 0 and written["trained"]["seconds"] > 0
    assert written.get("metrics") or written.get("held_out"), f"{card.id} has no held-out metrics"


@each
def test_hashes_of_every_file(card):
    folder = registry.folder(card.id)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "card.json"]
    assert weights.read_card(card.weights.name)["sha256"] == {
        path.relative_to(folder).as_posix(): weights.sha256(path) for path in files
    }


@each
def test_files_are_small_and_safe(card):
    for path in registry.folder(card.id).rglob("*"):
        if path.is_file():
            assert path.suffix in weights.SAFE_SUFFIXES, path.name
            assert path.stat().st_size <= FILE_BYTES, path.name
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))


def modules(model: object) -> list[torch.nn.Module]:
    if isinstance(model, torch.nn.Module):
        return [model]
    return [part for part in getattr(model, "components", {}).values() if isinstance(part, torch.nn.Module)]


@each
def test_parameters_are_counted(card):
    constructor = registry._entry(card.id)[1]
    model = registry.load(card.id, "cpu") if inspect.signature(constructor).parameters else registry.build(card.id)
    assert sum(p.numel() for module in modules(model) for p in module.parameters()) == card.params


@each
def test_weights_load_strictly_finite_and_in_eval_mode(card):
    model = registry.load(card.id, "cpu")
    assert modules(model)
    for module in modules(model):
        assert not any(part.training for part in module.modules())
        for name, value in module.state_dict().items():
            assert not value.is_floating_point() or value.isfinite().all(), name


def test_weight_folders_are_all_registered():
    assert {p.name for p in weights.ASSETS.iterdir() if p.is_dir()} <= {card.weights.name for card in EMBEDDED}


def test_assets_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "assets").rglob("*") if path.is_file()) < ASSETS_BYTES


def test_tracked_files():
    files = tracked()
    assert len(files) > 30
    for path in files:
        if path.parent == ROOT / "assets" / "scenes":  # plain arrays in .npz
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype.kind in "biuf" for name in arrays.files), path
        else:
            assert path.suffix not in PICKLES, path
        assert path.stat().st_size <= FILE_BYTES, path


def test_sources_hold_no_paths_of_one_machine():
    for path in tracked():
        if path.suffix in (".py", ".js", ".css", ".toml", ".txt", ".md", ".json") or path.name == "Makefile":
            text = path.read_text(encoding="utf-8")
            found = re.search(r"(?<![\w.])/(work|home|root|Users|mnt)/\w+", text)
            assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_credits_name_every_data_set():
    text = (ROOT / "assets" / "CREDITS.md").read_text(encoding="utf-8")
    for card in CARDS:
        for part in card.data.split(";"):
            assert part.split()[0].strip(",:").lower() in text.lower(), f"{part} ({card.id})"


@pytest.mark.parametrize("path", sources("genmodels"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_model_package_knows_nothing_of_the_page(path):
    assert not inside(imports(ast.parse(path.read_text(encoding="utf-8"))), "gradio", "demos", "app", "spaces")


HEAVY = ("torch", "torchvision", "diffusers", "transformers", "sklearn", "scipy", "numba", "skimage")
NETWORK = (
    "httpx",
    "httpx2",
    "requests",
    "urllib.request",
    "urllib3",
    "aiohttp",
    "socket",
    "http.client",
    "ftplib",
    "huggingface_hub.hf_hub_download",
    "huggingface_hub.snapshot_download",
    "huggingface_hub.get_async_session",
    "huggingface_hub.get_session",
    "huggingface_hub.HfApi",
    "huggingface_hub.InferenceClient",
    "torch.hub",
    "torchvision.datasets",
)


def runs_at_import(tree: ast.Module) -> ast.Module:
    """The tree without function bodies and without `if TYPE_CHECKING`."""

    class Shallow(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            return None

        visit_AsyncFunctionDef = visit_FunctionDef

        def visit_If(self, node):
            return None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node

    return Shallow().visit(tree)


@pytest.mark.parametrize("path", [*sources("demos"), ROOT / "app.py"], ids=lambda path: path.name)
def test_demos_load_nothing_heavy_at_import(path):
    tree = runs_at_import(ast.parse(path.read_text(encoding="utf-8")))
    assert not inside(imports(tree), *HEAVY)


@pytest.mark.parametrize(
    "path", [*sources("genmodels"), *sources("demos")], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_only_weights_touch_the_network(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = inside(imports(tree), *NETWORK)
    loads = [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "load_state_dict_from_url"]
    if path.relative_to(ROOT).as_posix() == "genmodels/weights.py":
        assert found  # so that the scan is known to find something
    else:
        assert not found and not loads


@pytest.mark.parametrize(
    "path", [*sources("genmodels"), *sources("demos")], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_only_packages_start_programs(path):
    found = inside(imports(ast.parse(path.read_text(encoding="utf-8"))), "subprocess", "os.system", "multiprocessing")
    assert not found or path.relative_to(ROOT).as_posix() == "genmodels/data/packages.py"


@pytest.mark.parametrize(
    "path", [*sources("genmodels"), *sources("demos")], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_no_pickles_no_prints_no_global_seeds(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not inside(imports(tree), "pickle", "joblib", "dill", "marshal", "shelve")
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not {"print", "eval", "exec", "torch.load", "np.random.seed", "random.seed"} & set(calls)
    forked = any(call.endswith("fork_rng") for call in calls)
    assert forked or "torch.manual_seed" not in calls
    assert not any(isinstance(n, ast.ExceptHandler) and n.type is None for n in ast.walk(tree)), "bare except"
    assert not any(k.arg == "trust_remote_code" for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords)


def python(code: str) -> str:
    """What a fresh interpreter prints, the last line of it."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


LIBRARIES = ("torch", "diffusers", "transformers", "sklearn", "scipy", "numba", "skimage")
LOADED = f"import sys; print([m for m in {LIBRARIES!r} if m in sys.modules])"


@pytest.mark.parametrize(
    "code",
    [
        "import app, demos; from demos import _shell; _shell.page(demos.topics())",
        "import genmodels; genmodels.cards(); from genmodels import images, weights, errors, step, device",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    assert python(f"{code}\n{LOADED}") == "[]"


def test_the_scan_for_heavy_modules_finds_them():
    assert python(f"import torch\n{LOADED}") == "['torch']"


def test_an_unknown_model_is_a_refusal():
    with pytest.raises(Refusal) as refusal:
        registry.load("no-such-model")
    assert refusal.value.code == "unknown_model"
