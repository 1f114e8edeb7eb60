"""`python -m demos.open_set`: this tab alone."""

from demos import _shell, open_set

_shell.serve([open_set])
