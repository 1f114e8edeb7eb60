"""`sample nerf`: one view of a scene as a PNG, or a turn around it as GIF or MP4."""

from __future__ import annotations

from pathlib import Path

import click
from PIL import Image

from genmodels import images, registry
from genmodels.errors import Refusal, in_range
from genmodels.nerf import DATA

ELEVATIONS, DISTANCES = (-5.0, 85.0), (2.5, 6.0)  # the shell that the scenes were seen from, and a little around it
FRAMES = 48  # of a turn


@click.command()
@click.option("--scene", type=click.Choice(list(DATA)), default="tea", show_default=True)
@click.option("--azimuth", type=float, default=30.0, show_default=True, help="Degrees from +x towards +y.")
@click.option("--elevation", type=float, default=25.0, show_default=True, help="Degrees above the horizon, -5 to 85.")
@click.option("--distance", type=float, default=4.0, show_default=True, help="Scene units, 2.5 to 6.")
@click.option("--size", type=click.IntRange(16, 800), default=400, show_default=True, help="Pixels of a side.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="PNG of one view.")
@click.option("--turn", type=click.Path(dir_okay=False, path_type=Path), help="GIF or MP4 of a turn around the scene.")
def command(
    scene: str, azimuth: float, elevation: float, distance: float, size: int, out: Path | None, turn: Path | None
) -> None:
    """Draw a scene's bake from anywhere around it."""
    from genmodels.nerf import turn as turns

    if out is None and turn is None:
        raise click.UsageError("say where to: --out FILE.png, --turn FILE.gif or --turn FILE.mp4")
    check(azimuth, elevation, distance)
    model = registry.load(f"nerf-{scene}-baked", "cpu")
    if out is not None:
        if out.suffix.lower() != ".png":
            raise Refusal("file_type", f"{out.name} must end in .png", name=out.name)
        settings = {"scene": scene, "azimuth": azimuth, "elevation": elevation, "distance": distance}
        picture = next(turns.frames(model, elevation, distance, size, FRAMES, azimuth))
        out.write_bytes(images.png(Image.fromarray(picture), model=f"nerf-{scene}-baked", **settings))
        click.echo(str(out))
    if turn is not None:
        turns.write(turn, turns.frames(model, elevation, distance, size, FRAMES, azimuth))
        click.echo(str(turn))


def check(azimuth: float, elevation: float, distance: float) -> None:
    """Refuse a pose that the scenes were not seen from."""
    in_range("azimuth", azimuth, -360, 360)
    in_range("elevation", elevation, *ELEVATIONS)
    in_range("distance", distance, *DISTANCES)
