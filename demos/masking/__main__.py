"""`python -m demos.masking`: this tab alone."""

from demos import _shell, masking

_shell.serve([masking])
