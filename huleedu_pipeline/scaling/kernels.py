"""The compiled loops of the scaling: one pass over the comparisons each, and the solvers that repeat such passes.

A *slot* is one comparison seen from one of its two items, so ``m`` comparisons have 2 m slots, grouped by item:
``slot[start[i]:start[i + 1]]`` are those of item i. A slot holds ``2 * other + side``, where ``side`` is 0 when item i was
shown first. With ``e = exp(theta)`` and a table of the others' strengths by side, the probability of a win costs one division
and no exponential: ``p = e_i / (e_i + table[slot])``. Not here: checks, choices, and anything that is not a loop.
"""

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Slots = NDArray[np.int32]

# Up to so many parameters the linear systems of Newton's method are solved by Cholesky, above by conjugate gradients.
LARGEST_DENSE = 80
MOST_NEWTON_STEPS, MOST_CONJUGATE_STEPS = 200, 5000
# No step moves a location further than this many logits: Newton's method overshoots where verdicts are one-sided.
LONGEST_STEP = 3.0
# Of a standard logistic variable, as in the usual normal approximation of a logistic-normal mean.
LOGISTIC_VARIANCE = 2.89


@compiled
def lay_out(
    first: Ints, second: Ints, first_won: Floats, weight: Floats, n: int
) -> tuple[int, Ints, Slots, Floats, Floats, Floats, Ints, float, Ints, int]:
    """Check the comparisons and sort them into slots; ``weight`` may be empty, which means 1. Weights of 0 are left out.

    Returns:
        The index of the first impossible comparison or -1; start, slot, slot weights (empty when weight is), wins and losses
        of each item (weighted), its wins counted, the first items' wins (weighted), each item's connected component, and
        how many items won or lost everything.

    """
    m, has_weight = len(first), len(weight) > 0
    start = np.zeros(n + 1, dtype=np.int64)
    wins, losses = np.zeros(n), np.zeros(n)
    n_wins = np.zeros(n, dtype=np.int64)
    parent = np.arange(n)
    n_roots, won_by_first = n, 0.0
    for c in range(m):
        i, j, y = first[c], second[c], first_won[c]
        w = weight[c] if has_weight else 1.0
        if i < 0 or j < 0 or i >= n or j >= n or i == j or not 0.0 <= y <= 1.0 or not 0.0 <= w < np.inf:
            return (c, start, np.zeros(0, dtype=np.int32), weight, wins, losses, n_wins, 0.0, parent, 0)
        if w == 0.0:
            continue
        start[i + 1] += 1
        start[j + 1] += 1
        wins[i] += w * y
        losses[i] += w * (1.0 - y)
        wins[j] += w * (1.0 - y)
        losses[j] += w * y
        n_wins[i] += y > 0.5
        n_wins[j] += y < 0.5
        won_by_first += w * y
        if n_roots > 1:
            a, b = i, j
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a != b:
                parent[max(a, b)] = min(a, b)
                n_roots -= 1
    for i in range(n):
        start[i + 1] += start[i]
    place = start[:n].copy()
    slot = np.empty(start[n], dtype=np.int32)
    slot_weight = np.empty(start[n] if has_weight else 0)
    for c in range(m):
        i, j = first[c], second[c]
        if has_weight:
            if weight[c] == 0.0:
                continue
            slot_weight[place[i]] = weight[c]
            slot_weight[place[j]] = weight[c]
        slot[place[i]] = 2 * j
        slot[place[j]] = 2 * i + 1
        place[i] += 1
        place[j] += 1
    label = np.empty(n, dtype=np.int64)
    n_labels = 0
    n_one_sided = 0
    for i in range(n):
        n_one_sided += start[i + 1] > start[i] and (wins[i] == 0.0 or losses[i] == 0.0)
        if parent[i] == i:  # a root is the smallest index of its component, so it comes first
            label[i] = n_labels
            n_labels += 1
        else:
            a = parent[i]
            while parent[a] != a:
                a = parent[a]
            label[i] = label[a]
    return (-1, start, slot, slot_weight, wins, losses, n_wins, won_by_first, label, n_one_sided)


@compiled
def evaluate(
    start: Ints,
    slot: Slots,
    slot_weight: Floats,
    wins: Floats,
    won_by_first: float,
    beta: Floats,
    precision: float,
    position_precision: float,
    gradient: Floats,
    curvature: NDArray[np.floating],
    diagonal: Floats,
    cross: Floats,
) -> float:
    """Evaluate gradient and negative Hessian of the penalised log-likelihood at ``beta`` = (theta, delta).

    Fills gradient (n + 1), curvature of each slot (weight times p (1 - p)), the Hessian's diagonal (n + 1) and its column of
    delta (n). A negative ``position_precision`` means that delta is not in the model; its diagonal is then 1.

    Returns:
        Largest absolute component of the gradient.

    """
    n, has_weight, has_position = len(start) - 1, len(slot_weight) > 0, position_precision >= 0.0
    favour = np.exp(beta[n])
    strength, table = np.exp(beta[:n]), np.empty(2 * n)
    for i in range(n):
        table[2 * i] = strength[i] / favour
        table[2 * i + 1] = strength[i] * favour
    norm, expected_first, total_first = 0.0, 0.0, 0.0
    for i in range(n):
        own, expected, information, balance = strength[i], 0.0, 0.0, 0.0
        for s in range(start[i], start[i + 1]):
            code = slot[s]
            other = table[code]
            ratio = 1.0 / (own + other)
            p = own * ratio
            v = p * other * ratio
            if has_weight:
                p *= slot_weight[s]
                v *= slot_weight[s]
            curvature[s] = v
            v = np.float64(curvature[s])  # as it was stored: rows of the Laplacian sum to exactly 0
            expected += p
            information += v
            is_first = 1 - (code & 1)
            balance += v * (2 * is_first - 1)
            expected_first += p * is_first
            total_first += v * is_first
        gradient[i] = wins[i] - expected - precision * beta[i]
        diagonal[i] = information + precision
        cross[i] = balance if has_position else 0.0
        worst = abs(gradient[i])
        if worst > norm or np.isnan(worst):
            norm = worst
    gradient[n] = won_by_first - expected_first - position_precision * beta[n] if has_position else 0.0
    diagonal[n] = total_first + position_precision if has_position else 1.0
    worst = abs(gradient[n])
    return worst if worst > norm else norm


@compiled
def solve_dense(
    start: Ints,
    slot: Slots,
    curvature: NDArray[np.floating],
    diagonal: Floats,
    cross: Floats,
    label: Ints,
    size: Ints,
    right: Floats,
) -> Floats:
    """Solve the Newton system by Cholesky; each component's shift, which the verdicts leave open, is made stiff."""
    n = len(cross)
    a = np.zeros((n + 1, n + 1))  # upper triangle, so that the inner loops run along rows
    stiff = np.max(diagonal)
    for i in range(n):
        share = stiff / size[label[i]]
        if len(size) == 1:
            a[i, i:n] = share
        else:
            for j in range(i, n):
                if label[i] == label[j]:
                    a[i, j] = share
        for s in range(start[i], start[i + 1]):
            other = slot[s] >> 1
            if other > i:
                a[i, other] -= curvature[s]
        a[i, i] += diagonal[i]
        a[i, n] = cross[i]
    a[n, n] = diagonal[n]
    x = right.copy()
    for j in range(n + 1):
        pivot = np.sqrt(max(a[j, j], 1e-300))
        a[j, j:] /= pivot
        x[j] /= pivot
        for i in range(j + 1, n + 1):
            factor = a[j, i]
            for k in range(i, n + 1):
                a[i, k] -= factor * a[j, k]
            x[i] -= factor * x[j]
    for j in range(n, -1, -1):
        x[j] /= a[j, j]
        for i in range(j):
            x[i] -= a[i, j] * x[j]
    return x


@compiled
def solve_conjugate(
    start: Ints,
    slot: Slots,
    curvature: NDArray[np.floating],
    diagonal: Floats,
    cross: Floats,
    right: Floats,
    tolerance: float,
) -> Floats:
    """Solve the Newton system by conjugate gradients with a Jacobi preconditioner, to a relative residual ``tolerance``."""
    n = len(cross)
    x, r = np.zeros(n + 1), right.copy()
    z = r / diagonal
    p, ap = z.copy(), np.empty(n + 1)
    rz = np.dot(r, z)
    goal = rz * tolerance * tolerance
    for _ in range(MOST_CONJUGATE_STEPS):
        if rz <= goal or rz == 0.0:
            break
        last, pap = diagonal[n] * p[n], 0.0
        for i in range(n):
            value = diagonal[i] * p[i] + cross[i] * p[n]
            for s in range(start[i], start[i + 1]):
                value -= curvature[s] * p[slot[s] >> 1]
            ap[i] = value
            pap += value * p[i]
            last += cross[i] * p[i]
        ap[n] = last
        pap += last * p[n]
        if not pap > 0.0:
            break
        alpha, before = rz / pap, rz
        rz = 0.0
        for i in range(n + 1):
            x[i] += alpha * p[i]
            r[i] -= alpha * ap[i]
            z[i] = r[i] / diagonal[i]
            rz += r[i] * z[i]
        share = rz / before
        for i in range(n + 1):
            p[i] = z[i] + share * p[i]
    return x


@compiled
def centre(x: NDArray[np.float64], label: Ints, size: Ints) -> None:
    """Subtract from each column of ``x``, shape (n, b), its mean over each component."""
    n, b = x.shape
    mean = np.zeros((len(size), b))
    for i in range(n):
        for k in range(b):
            mean[label[i], k] += x[i, k] / size[label[i]]
    for i in range(n):
        for k in range(b):
            x[i, k] -= mean[label[i], k]


@compiled
def first_guess(wins: Floats, losses: Floats) -> Floats:
    """Return a start for (theta, delta): logits of the shares of wins, stretched by the spread of the opponents."""
    n, square = len(wins), 0.0
    beta = np.zeros(n + 1)
    for i in range(n):
        beta[i] = np.log((wins[i] + 0.5) / (losses[i] + 0.5))
        square += beta[i] * beta[i] / n
    stretch = np.sqrt(1.0 + min(square / max(LOGISTIC_VARIANCE - square, 0.3), 7.0))
    for i in range(n):
        beta[i] *= stretch
    return beta


@compiled
def newton(
    start: Ints,
    slot: Slots,
    slot_weight: Floats,
    wins: Floats,
    won_by_first: float,
    label: Ints,
    size: Ints,
    losses: Floats,
    beta: Floats,
    precision: float,
    position_precision: float,
    tolerance: float,
) -> tuple[Floats, float, float]:
    """Maximise the penalised log-likelihood from ``beta`` on, or of an own start when that is empty.

    Returns:
        The optimum (theta, delta), centred in each component, its gradient norm, and a bound of every margin there.

    The objective is concave, so a step is too long when it ends where the slope along it is clearly downhill; it is then
    halved. Linear systems are solved as exactly as the distance from the optimum deserves (Eisenstat & Walker 1996).

    """
    n = len(start) - 1
    gradient, diagonal, cross = np.empty(n + 1), np.empty(n + 1), np.empty(n)
    curvature = np.empty(len(slot), dtype=np.float32)
    beta = beta.copy() if len(beta) else first_guess(wins, losses)
    centre(beta[:n].reshape(n, 1), label, size)
    norm = evaluate(
        start, slot, slot_weight, wins, won_by_first, beta, precision, position_precision, gradient, curvature, diagonal, cross
    )
    steps = 0
    while norm > tolerance and steps < MOST_NEWTON_STEPS:
        for i in range(n):
            if diagonal[i] <= 0.0:  # an item without comparisons and without a prior stays where it is
                diagonal[i] = 1.0
        if n < LARGEST_DENSE:
            step = solve_dense(start, slot, curvature, diagonal, cross, label, size, gradient)
        else:
            accuracy = max(min(0.05, norm / np.max(diagonal)), 0.1 * tolerance / norm)
            step = solve_conjugate(start, slot, curvature, diagonal, cross, gradient, accuracy)
        longest = np.max(np.abs(step))
        if longest > LONGEST_STEP:
            step *= LONGEST_STEP / longest
        slope = np.dot(gradient, step)
        origin, before = beta, norm
        beta = origin + step
        for _ in range(40):
            norm = evaluate(
                start, slot, slot_weight, wins, won_by_first, beta, precision, position_precision, gradient, curvature,
                diagonal, cross,
            )  # fmt: skip
            if norm < before or np.dot(gradient, step) >= -0.5 * slope:
                break
            step *= 0.5
            slope *= 0.5
            beta = origin + step
        steps += 1
    centre(beta[:n].reshape(n, 1), label, size)
    return beta, norm, np.max(beta[:n]) - np.min(beta[:n]) + abs(beta[n])


@compiled
def apply_laplacian(
    start: Ints, neighbour: Slots, value: Floats, diagonal: Floats, x: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Put ``(diag(diagonal) - W) x`` into ``out``, both shape (n, b); W has ``value`` at the neighbours of each row."""
    n, b = x.shape
    for i in range(n):
        for k in range(b):
            out[i, k] = diagonal[i] * x[i, k]
        for s in range(start[i], start[i + 1]):
            j, v = neighbour[s], value[s]
            for k in range(b):
                out[i, k] -= v * x[j, k]


@compiled
def solve_laplacian(
    start: Ints,
    neighbour: Slots,
    value: Floats,
    diagonal: Floats,
    label: Ints,
    size: Ints,
    right: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    """Solve for each column of ``right``, shape (n, b), by conjugate gradients; an empty ``size`` asks for no centring.

    Columns run side by side, so that one pass over the slots serves all of them, until the worst has a relative residual of
    ``tolerance``. With centring, right-hand sides and solutions sum to 0 in each component.
    """
    n, b = right.shape
    x, r, z, ap = np.zeros((n, b)), right.copy(), np.empty((n, b)), np.empty((n, b))
    if len(size):
        centre(r, label, size)
    rz, goal = np.zeros(b), np.zeros(b)
    for i in range(n):
        for k in range(b):
            z[i, k] = r[i, k] / diagonal[i]
            rz[k] += r[i, k] * z[i, k]
    p = z.copy()
    for k in range(b):
        goal[k] = rz[k] * tolerance * tolerance
    pap, alpha, share = np.empty(b), np.empty(b), np.empty(b)
    for _ in range(MOST_CONJUGATE_STEPS):
        if np.all(rz <= goal):
            break
        apply_laplacian(start, neighbour, value, diagonal, p, ap)
        pap[:] = 0.0
        for i in range(n):
            for k in range(b):
                pap[k] += p[i, k] * ap[i, k]
        for k in range(b):
            alpha[k] = rz[k] / pap[k] if pap[k] > 0.0 else 0.0
            share[k] = rz[k]
            rz[k] = 0.0
        for i in range(n):
            for k in range(b):
                x[i, k] += alpha[k] * p[i, k]
                r[i, k] -= alpha[k] * ap[i, k]
                z[i, k] = r[i, k] / diagonal[i]
                rz[k] += r[i, k] * z[i, k]
        for k in range(b):
            share[k] = rz[k] / share[k] if share[k] > 0.0 else 0.0
        for i in range(n):
            for k in range(b):
                p[i, k] = z[i, k] + share[k] * p[i, k]
    if len(size):
        centre(x, label, size)
    return x


@compiled
def returning_weight(start: Ints, neighbour: Slots, value: Floats, diagonal: Floats) -> Floats:
    """Return ``sum_j W_ij^2 / (D_i D_j)`` of each row: the diagonal of A^2, A the normalised adjacency."""
    n = len(start) - 1
    total, owner = np.zeros(n), np.full(n, -1)
    result = np.zeros(n)
    for i in range(n):
        for s in range(start[i], start[i + 1]):
            j = neighbour[s]
            if owner[j] != i:
                owner[j] = i
                total[j] = 0.0
            total[j] += value[s]
        for s in range(start[i], start[i + 1]):
            j = neighbour[s]
            result[i] += total[j] * total[j] / diagonal[j]
            total[j] = 0.0
        result[i] /= diagonal[i]
    return result


@compiled
def bordered_matrix(
    start: Ints,
    neighbour: Slots,
    value: Floats,
    diagonal: Floats,
    cross: NDArray[np.float64],
    corner: NDArray[np.float64],
    label: Ints,
    size: Ints,
    stiffness: float,
) -> NDArray[np.float64]:
    """Return the bordered matrix as the upper triangle of a row-major array, which LAPACK reads as the lower one.

    To each entry between two locations of one component ``stiffness`` over the component's size is added.
    """
    n, q = cross.shape
    a = np.zeros((n + q, n + q))
    for i in range(n):
        if stiffness > 0.0:
            share = stiffness / size[label[i]]
            if len(size) == 1:
                a[i, i:n] = share
            else:
                for j in range(i, n):
                    if label[i] == label[j]:
                        a[i, j] = share
        for s in range(start[i], start[i + 1]):
            if neighbour[s] > i:
                a[i, neighbour[s]] -= value[s]
        a[i, i] += diagonal[i]
        for k in range(q):
            a[i, n + k] = cross[i, k]
    for k in range(q):
        for j in range(q):
            a[n + k, n + j] = corner[k, j]
    return a


@compiled
def row_squares(upper: NDArray[np.float64]) -> Floats:
    """Return the sum of squares of each row of the upper triangle of ``upper``, shape (n,)."""
    n = len(upper)
    total = np.zeros(n)
    for i in range(n):
        for j in range(i, n):
            total[i] += upper[i, j] * upper[i, j]
    return total
