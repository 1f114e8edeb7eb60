"""Image to image: pix2pix, BicycleGAN, CycleGAN, FUNIT, and diffusion's way (SDEdit, inpainting)."""
