"""`python -m demos.nerf`: this tab alone."""

from demos import _shell, nerf

_shell.serve([nerf])
