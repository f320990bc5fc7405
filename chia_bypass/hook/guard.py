"""Keeps a driver of a replay that our start-up did not get into from running anything for real.

``python -I`` ignores PYTHONPATH, and with it the hook; but Ray asks, at each ``ray.init``, what the
environment variable RAY_RUNTIME_ENV_HOOK names. In a replay that is :func:`check`. Where our
package cannot even be imported, Ray cannot find it, and ``ray.init`` fails as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chia_bypass.errors import UsageError
from chia_bypass.hook.announcing import entered
from chia_bypass.identity.process import ray_role

_VARIABLE = "RAY_RUNTIME_ENV_HOOK"
_USERS_OWN = "CHIA_BYPASS_RUNTIME_ENV_HOOK"


def guarded(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with the guard in it; a hook of the user's is asked by ours."""
    own = {_USERS_OWN: environment[_VARIABLE]} if _VARIABLE in environment else {}
    return {**environment, **own, _VARIABLE: f"{__name__}.{check.__name__}"}


def check(runtime_env: Any) -> Any:
    """What Ray calls in ``ray.init``: gives the runtime environment back as it is to be.

    Raises UsageError in a driver that would not replay.
    """
    if ray_role(sys.orig_argv) is None and not entered():
        raise UsageError(
            "this process cannot be replayed, because it did not load the hook of chia-bypass",
            "python -I, -E and -S and an overwritten PYTHONPATH keep it out: run without them",
        )
    users_own = os.environ.get(_USERS_OWN)
    if not users_own:
        return runtime_env
    module, _, name = users_own.rpartition(".")
    return getattr(import_module(module), name)(runtime_env)
