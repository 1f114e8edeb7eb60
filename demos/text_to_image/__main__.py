"""`python -m demos.text_to_image`: this tab alone."""

from demos import _shell, text_to_image

_shell.serve([text_to_image])
