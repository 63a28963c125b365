"""What is wrong with tiles."""

from pgaudit_kit.errors import KitError


class TilesMismatch(KitError):
    """The exported log does not hold what its checkpoint says."""

    exit_code = 4
    hint = "Keep the files as they are: they are evidence. Export into an empty place, and compare."
