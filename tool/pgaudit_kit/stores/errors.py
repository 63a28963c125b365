"""What goes wrong in a store."""

from pgaudit_kit.errors import KitError


class StoreFailed(KitError):
    """A store could not be read or written."""

    exit_code = 4
