"""What a worker inherits: it is gone when its front end is killed, and holds the same lock."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PARENT = "LAUNCH_FRONT_END"
LOCK = "LAUNCH_LOCK"


def die_with_parent() -> None:
    """On Linux a child of a front end does not outlive it, even if that is killed.

    Raises:
        SystemExit: if it was killed before this could be arranged. Other ranks of a distributed
            run have the first one as parent.
    """
    if sys.platform != "linux" or PARENT not in os.environ:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if "LOCAL_RANK" not in os.environ and os.getppid() != int(os.environ[PARENT]):
        raise SystemExit(143)
