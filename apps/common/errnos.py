"""What a system says when a disk has no room: full, over a quota, over a limit of this process."""

from __future__ import annotations

import errno

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
