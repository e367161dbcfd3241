"""How many threads linear algebra may use here: one.

The matrices are small and factored hundreds of times, and several runs share a machine. BLAS threads that wait for each other
while other processes want the cores then cost many times what the work does (measured: 27 CPU seconds for a batch of 300
essays in place of 4). Whole runs are what is done in parallel.
"""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    """Return the BLAS libraries of this process; looking for them takes a thousand times as long as setting them."""
    import scipy.linalg  # noqa: F401 - loads SciPy's own

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS uses one thread; afterwards as many as before."""
    return _controller().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]
