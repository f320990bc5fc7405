"""Ray's errors that are of two classes at once: ``RayTaskError(X)``, for what a task raised.

Ray makes such a class for each error. Nobody can look it up later, and it keeps the error's text
where only its own code reaches it. So an error of that kind is stored with its text, and combined
again by Ray when it is rebuilt (ray.exceptions.RayTaskError.as_instanceof_cause, Ray 2.54).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

from chia_bypass.values.class_shapes import class_name

_ONE_CLASS: Final = "ray.exceptions:RayTaskError"
_AGAIN: Final = "_ray_task_error_args"
"""The field in which Ray keeps the cause a second time."""
_TEXT: Final = "traceback_str"


def one_class(name: str) -> str:
    """The class to look up for an error of the class called ``name``."""
    return _ONE_CLASS if is_of_two_classes(name) else name


def is_of_two_classes(name: str) -> bool:
    """Whether that is the name of a class that Ray made for one error."""
    return name.startswith(_ONE_CLASS + "(")


def fields(value: BaseException, state: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """What is stored of an exception whose own fields are ``state``: with its text."""
    found = dict(state)
    if is_of_two_classes(class_name(type(value))):
        found.pop(_AGAIN, None)
        found[_TEXT] = str(value)  # a method of Ray's: the class of the cause comes after it
    return found


def combined(error: Any) -> Any:
    """The error of two classes, of a RayTaskError whose stored fields are back.

    Its text is the stored one; recordings of versions before 0.2 have none, and their errors show
    what the task raised. Raises TypeError where nothing was raised.
    """
    kept = dict(vars(error))
    cause, text = kept.pop("cause", None), kept.pop(_TEXT, None)
    if not isinstance(cause, BaseException):
        raise TypeError("it has no error of a task")
    kept.pop(_AGAIN, None)
    if text is None:
        text = f"{type(cause).__name__}: {cause}"
    ray_task_error = sys.modules["ray.exceptions"].RayTaskError
    one = ray_task_error("", text, cause, proctitle="recorded", pid=-1, ip="")
    whole = one.as_instanceof_cause()
    whole.__cause__, whole.__context__ = error.__cause__, error.__context__
    whole.__suppress_context__ = error.__suppress_context__
    vars(whole).update(kept)
    return whole
