"""A lock on an open file that ends with the process that holds it, however that dies."""

from __future__ import annotations

import sys

if sys.platform == "win32":

    def lock(file: int) -> bool:
        """True: this system has no such lock."""
        return True

else:
    import fcntl

    def lock(file: int) -> bool:
        """Takes the lock of the file (a descriptor); False where somebody else holds it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
