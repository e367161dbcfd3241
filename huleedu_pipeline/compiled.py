"""Compiled inner loops: the one place that knows with what they are compiled, and with which options.

Machine code is kept beside the source, or in the user's cache folder where that can not be written, so that only the
first process after an installation compiles. Not here: the loops themselves.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile ``function`` for one core, keeping the order of floating-point operations, so that results repeat exactly.

    Division by zero gives infinities as in NumPy, and raises nothing.
    """
    return cast(F, njit(cache=True, error_model="numpy")(function))
