"""Viewpoint: NeRF (Mildenhall et al. 2020, arXiv:2003.08934) as published, a fast field, and its bake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genmodels.registry import ModelCard, register
from genmodels.weights import Embedded

if TYPE_CHECKING:
    from genmodels.nerf.ablation import Ablation
    from genmodels.nerf.bake import BakedVolume
    from genmodels.nerf.tiny_nerf import TinyNeRF
    from genmodels.nerf.voxels import VoxelField

TINY, ABLATION = 481_796, 734_628
FAST = {"tea": 3_311_945, "bunny": 3_823_404}  # what each field learned; its bake has as many bytes
DATA = {
    "tea": "Tea: 120 views rendered here by Mitsuba 3 around the Utah teapot",
    "bunny": "Bunny: 120 views rendered here by Mitsuba 3 around the Stanford bunny",
}


def _card(id: str, can: set[str], params: int, source: str, data: str) -> ModelCard:
    return ModelCard(
        id=id,
        topic="nerf",
        can=frozenset(can),
        weights=Embedded(id),
        params=params,
        license="Apache-2.0",
        source=source,
        data=data,
    )


def _fast(folder: Path) -> VoxelField:
    from genmodels.nerf.voxels import VoxelField

    return VoxelField.read(folder)


def _baked(folder: Path) -> BakedVolume:
    from genmodels.nerf.bake import BakedVolume

    return BakedVolume.read(folder)


def _tiny() -> TinyNeRF:
    from genmodels.nerf.tiny_nerf import TinyNeRF

    return TinyNeRF()


for _name, _data in DATA.items():
    register(_card(f"nerf-{_name}-fast", {"render", "look-along"}, FAST[_name], "arXiv:2112.05131", _data))(_fast)
    register(_card(f"nerf-{_name}-baked", {"render", "view"}, FAST[_name], "arXiv:2103.14645", _data))(_baked)
    register(_card(f"nerf-{_name}-tiny", {"render"}, TINY, "arXiv:2003.08934", _data))(_tiny)


@register(_card("nerf-ablation", {"compare"}, ABLATION, "arXiv:2003.08934", DATA["tea"]))
def _ablation() -> Ablation:
    from genmodels.nerf.ablation import Ablation

    return Ablation()
