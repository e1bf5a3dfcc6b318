"""A thousand viewers need a thousand descriptors; what a shell gives at first is not enough."""

from __future__ import annotations

import resource
import subprocess
import sys

from docanalyst.supervisor import OPEN_FILES
from tests.services import ROOT

LOWERED = """
import resource
from docanalyst.supervisor import allow_open_files
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
allow_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_parts_may_open_as_many_files_as_the_system_lets_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOWERED], cwd=ROOT, capture_output=True, text=True, check=True
    )

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expected = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    assert int(done.stdout) == expected
