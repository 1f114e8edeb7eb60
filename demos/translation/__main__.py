"""`python -m demos.translation`: this tab alone."""

from demos import _shell, translation

_shell.serve([translation])
