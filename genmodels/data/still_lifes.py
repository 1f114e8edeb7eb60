"""The two still lifes, as dictionaries for mitsuba: what stands where, of what material, under which light."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from genmodels.data import meshes
from genmodels.data.meshes import Mesh

Dict = dict[str, Any]
At = tuple[float, float, float]
GLYPHS = {
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "F": "11111 10000 10000 11110 10000 10000 10000",
}


def tea(mi: ModuleType) -> Dict:
    """A glazed teapot and cup, a brass sugar bowl and fruit on a lacquered tray: highlights follow the camera."""
    floor = -0.42
    teapot = meshes.npm("teapot@1.0.0", "teapot.js").placed(0.84, turn=-25, at=(-0.02, 0.27, floor + 0.02))
    tray = meshes.lathe(
        [(0, 0), (0.5, 0), (0.94, 0), (0.98, 0.01), (1.03, 0.08), (1.06, 0.09), (1.07, 0.06), (1.0, -0.05), (0, -0.06)]
    )
    brass = {"type": "roughconductor", "material": "Au", "alpha": 0.16}
    white, brew, cup = glaze("#e6e0d4", 0.1), glaze("#7a3208", 0.08), (0.44, -0.46, floor)
    return {
        "sky": sky(mi, 0.62, 0.62),
        "tray": shape(mi, tray.placed(at=(0, 0, floor)), glaze(image(mi, tray_picture()), 0.22)),
        "teapot": shape(mi, teapot, glaze("#0b5f96", 0.07)),
        **{name: shape(mi, part.placed(turn=-40, at=cup), white) for name, part in crockery().items()},
        "tea": shape(mi, meshes.lathe([(0, 0.23), (0.2, 0.23), (0.2, 0.21), (0, 0.21)], finer=1).placed(at=cup), brew),
        "bowl": shape(mi, sugar_bowl().placed(at=(-0.46, -0.52, floor)), brass),
        "orange": ball(mi, (0.8, -0.02, floor + 0.17), 0.17, glaze("#f08010", 0.3)),
        "orange-2": ball(mi, (0.02, -0.78, floor + 0.16), 0.16, glaze("#f08a18", 0.3)),
        "lemon": shape(mi, lemon().placed(turn=60, at=(-0.83, -0.07, floor + 0.135)), glaze("#f5d020", 0.25)),
        "lime": ball(mi, (-0.68, -0.14, floor + 0.1), 0.1, glaze("#6fae1f", 0.25)),
    }


def bunny(mi: ModuleType) -> Dict:
    """The Stanford bunny on three books among toy blocks and balls, every surface matte: colour is the same from
    everywhere."""
    floor, parts = -0.68, {"sky": sky(mi, 0.6, 0.36)}
    base = meshes.lathe([(0, 0), (0.5, 0), (0.87, 0), (0.9, -0.02), (0.9, -0.04), (0.87, -0.06), (0, -0.06)])
    parts["base"] = shape(mi, base.placed(at=(0, 0, floor)), matte("#58a83c"))
    height = floor
    for i, (cover, turn, thick) in enumerate((("#c8202c", 6, 0.14), ("#1f5fc0", -9, 0.11), ("#f2b81a", 12, 0.12))):
        parts |= book(mi, f"book-{i}", cover, turn, thick, (0, 0.16, height))
        height += thick
    hare = meshes.npm("bunny@1.0.1", "index.js").placed(1.0, turn=-10, at=(-0.02, 0.16, height - 0.01))
    parts["bunny"] = shape(mi, hare, matte("#c58a58"))
    paint = ("#e0387a", "#1d9a8a", "#f07818", "#6a3fb0")
    for i, (letter, colour) in enumerate(zip("NERF", paint, strict=True)):
        block = meshes.box((0.21, 0.21, 0.21)).placed(turn=(7, -9, 5, -6)[i], at=(0.25 * i - 0.375, -0.62, floor))
        parts[f"block-{letter}"] = shape(mi, block, matte(image(mi, letter_picture(letter, colour))))
    stripes = image(mi, stripes_picture())
    parts["ball"] = ball(mi, (0.72, 0.1, floor + 0.2), 0.2, matte(stripes), tilt=35)
    parts["ball-2"] = ball(mi, (-0.74, 0.05, floor + 0.15), 0.15, matte("#1fb6e8"))
    parts["ball-3"] = ball(mi, (-0.66, -0.3, floor + 0.1), 0.1, matte("#f5e030"))
    return parts


def sky(mi: ModuleType, fill: float, key: float) -> Dict:
    """Light from infinity: a soft dome of radiance about `fill`, and four windows, `key` times as bright as painted,
    that shiny things mirror."""
    height, width = 128, 256
    v, u = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    azimuth, elevation = 90 - 360 * u, 90 - 180 * v  # of the direction in our frame, after the turn below
    up = np.clip(elevation / 90, -1, 1)[..., None]
    dome = fill * np.where(up > 0, 0.8 + up * np.array([0.1, 0.2, 0.35]), 0.8 + up * np.array([0.35, 0.45, 0.55]))
    for at, (wide, tall), light in (
        ((-65, 36), (28, 32), (27, 25.5, 23)),
        ((15, 30), (12, 34), (16, 16.4, 17)),
        ((95, 38), (26, 26), (18, 18, 18)),
        ((190, 32), (18, 34), (20, 19, 18)),
    ):
        across, along = np.abs((azimuth - at[0] + 180) % 360 - 180), np.abs(elevation - at[1])
        pane = (across < wide / 2) & (along < tall / 2) & (across > wide / 24) & (along > tall / 24)
        dome = np.where(pane[..., None], key * np.array(light), dome)
    turn = mi.ScalarTransform4f().rotate([1, 0, 0], 90)  # mitsuba's skies have y up
    return {"type": "envmap", "bitmap": mi.Bitmap(dome.astype(np.float32)), "to_world": turn}


def shape(mi: ModuleType, mesh: Mesh, bsdf: Dict) -> Any:
    """The mesh as a mitsuba shape with that material."""
    props = mi.Properties()
    props["bsdf"] = mi.load_dict({"type": "twosided", "bsdf": bsdf})
    made = mi.Mesh(
        "mesh",
        len(mesh.positions),
        len(mesh.faces),
        props=props,
        has_vertex_normals=mesh.smooth,
        has_vertex_texcoords=mesh.uv is not None,
    )
    values = mi.traverse(made)
    values["vertex_positions"] = mesh.positions.astype(np.float32).ravel()
    values["faces"] = mesh.faces.astype(np.uint32).ravel()
    if mesh.smooth:
        values["vertex_normals"] = mesh.normals().astype(np.float32).ravel()
    if mesh.uv is not None:
        values["vertex_texcoords"] = mesh.uv.astype(np.float32).ravel()
    values.update()
    return made


def ball(mi: ModuleType, at: At, radius: float, bsdf: Dict, tilt: float = 0.0) -> Dict:
    """A sphere, its poles tilted from z by `tilt` degrees."""
    place = mi.ScalarTransform4f().translate(at).rotate([1, 0, 0], tilt).scale(radius)
    return {"type": "sphere", "to_world": place, "bsdf": bsdf}


def book(mi: ModuleType, name: str, cover: str, turn: float, thick: float, at: At) -> Dict:
    """A closed book lying flat: two boards, a spine towards -y and the block of pages."""
    wide, deep, board = 1.02, 0.74, 0.022
    parts = {
        "pages": (meshes.box((wide - 0.06, deep - 0.04, thick - 2 * board)), (0, 0, board), "#f2ead8"),
        "lower": (meshes.box((wide, deep, board)), (0, 0, 0), cover),
        "upper": (meshes.box((wide, deep, board)), (0, 0, thick - board), cover),
        "spine": (meshes.box((wide, board, thick)), (0, -deep / 2, 0), cover),
    }
    return {
        f"{name}-{part}": shape(mi, mesh.placed(at=inside).placed(turn=turn, at=at), matte(paint))
        for part, (mesh, inside, paint) in parts.items()
    }


def crockery() -> dict[str, Mesh]:
    """A cup with its handle, and a saucer."""
    cup = [(0, 0.06), (0.1, 0.065), (0.17, 0.11), (0.215, 0.2), (0.235, 0.285), (0.245, 0.29), (0.25, 0.28)]
    cup += [(0.23, 0.19), (0.18, 0.09), (0.11, 0.05), (0.115, 0.02), (0, 0.02)]
    saucer = [(0, 0.022), (0.12, 0.022), (0.25, 0.04), (0.36, 0.075), (0.37, 0.07), (0.26, 0.022), (0.15, 0), (0, 0)]
    handle = [(0.21, 0.24), (0.3, 0.255), (0.355, 0.2), (0.33, 0.13), (0.26, 0.09), (0.18, 0.1)]
    return {
        "cup": meshes.lathe(cup),
        "saucer": meshes.lathe(saucer),
        "handle": meshes.tube(np.array(handle), lambda t: 0.024 + 0 * t),
    }


def sugar_bowl() -> Mesh:
    """A round pot with a domed lid and a knob."""
    lid = [(0, 0.4), (0.035, 0.39), (0.045, 0.36), (0.025, 0.33), (0.04, 0.315), (0.13, 0.285), (0.175, 0.25)]
    pot = [(0.195, 0.235), (0.185, 0.22), (0.22, 0.16), (0.215, 0.1), (0.16, 0.045), (0.11, 0.025), (0.13, 0), (0, 0)]
    return meshes.lathe(lid + pot)


def lemon() -> Mesh:
    """A lemon lying along x, centred on the origin."""
    half = [(0, 0.215), (0.022, 0.21), (0.035, 0.19), (0.075, 0.155), (0.118, 0.085), (0.135, 0)]
    upright = meshes.lathe(half + [(r, -z) for r, z in half[-2::-1]])
    return Mesh(upright.positions[:, [2, 0, 1]], upright.faces)


def tray_picture() -> np.ndarray:
    """(512, 512, 3) uint8: a checked centre in a wooden rim, seen from above."""
    y, x = np.mgrid[1:-1:512j, 1:-1:512j] * 1.07
    r = np.hypot(x, y)
    check = (np.floor(x / 0.19 + 0.5) + np.floor(y / 0.19 + 0.5)) % 2
    grain = 0.85 + 0.15 * np.sin(60 * r + 3 * np.sin(3 * np.arctan2(y, x)))
    cloth = np.where(check[..., None] > 0, srgb("#b5402a"), srgb("#f3e6cc"))
    wood = srgb("#7a4a24") * grain[..., None]
    return (255 * np.where(r[..., None] < 0.93, cloth, wood)).astype(np.uint8)


def letter_picture(letter: str, colour: str) -> np.ndarray:
    """(128, 128, 3) uint8: a cream letter with a cream frame on that colour."""
    glyph = np.array([[c == "1" for c in row] for row in GLYPHS[letter].split()])
    ink = np.zeros((128, 128), bool)
    ink[:8], ink[-8:], ink[:, :8], ink[:, -8:] = True, True, True, True
    ink[22:106, 34:94] = glyph.repeat(12, 0).repeat(12, 1)
    return (255 * np.where(ink[..., None], srgb("#fbf3dc"), srgb(colour))).astype(np.uint8)


def stripes_picture() -> np.ndarray:
    """(64, 192, 3) uint8: six meridian stripes with a cap at either pole."""
    row, column = np.mgrid[:64, :192]
    wheel = np.stack([srgb(c) for c in ("#e02830", "#fbf6ea", "#2060d0", "#fbf6ea", "#f5b820", "#fbf6ea")])
    cap = (np.abs(row - 31.5) > 28)[..., None]
    return (255 * np.where(cap, srgb("#e02830"), wheel[column // 32])).astype(np.uint8)


def image(mi: ModuleType, picture: np.ndarray) -> Dict:
    """A texture of an (H, W, 3) uint8 sRGB picture, its last row at v = 0."""
    return {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(picture[::-1]))}


def matte(colour: str | Dict) -> Dict:
    """The same brightness from everywhere."""
    return {"type": "diffuse", "reflectance": _reflectance(colour)}


def glaze(colour: str | Dict, roughness: float) -> Dict:
    """A coloured body under a clear coat: the coat's highlights move with the camera."""
    coat = {"type": "roughplastic", "distribution": "ggx", "int_ior": 1.55, "alpha": roughness}
    return coat | {"diffuse_reflectance": _reflectance(colour)}


def srgb(colour: str) -> np.ndarray:
    """A colour written #rrggbb -> (3,) in [0, 1], still sRGB-encoded."""
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255


def _reflectance(colour: str | Dict) -> Dict:
    if isinstance(colour, dict):
        return colour
    return {"type": "rgb", "value": (((srgb(colour) + 0.055) / 1.055) ** 2.4).tolist()}
