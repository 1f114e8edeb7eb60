"""Image to image: pix2pix, BicycleGAN, CycleGAN, FUNIT, and diffusion's way (SDEdit, inpainting)."""

from __future__ import annotations

from genmodels.translation.cards import register_all

register_all()
