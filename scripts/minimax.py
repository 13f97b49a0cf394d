#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the polynomials of the elementary functions (needs mpmath).

Each row of ROWS is a function f(t), an interval, a weight and a degree; the coefficients printed minimise the largest
|weight(t) * (p(t) - f(t))| over the interval (Remez exchange), lowest degree first. What stands in
passes/6-lower/Polynomials.h and lib/Builders/Elementary.cpp is printed by this script:

    scripts/minimax.py [row ..]
"""
import sys
import mpmath as mp

mp.mp.dps = 100


def solve(f, weight, low, high, degree):
    n = degree + 1
    # Chebyshev points to begin with, then exchange against a fine grid.
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / n) for i in range(n + 1)]
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / 1200) for i in range(1201)]
    values = [(t, f(t), weight(t)) for t in grid]
    for _ in range(12):
        matrix, right = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for i, t in enumerate(points):
            for k in range(n):
                matrix[i, k] = t**k
            matrix[i, n] = (-1) ** i / weight(t)
            right[i] = f(t)
        solution = mp.lu_solve(matrix, right)
        coefficients = [solution[k] for k in range(n)]
        errors = [(w * (mp.polyval(coefficients[::-1], t) - v), t) for t, v, w in values]
        # The largest error of each run of one sign.
        extremes = []
        for e, t in errors:
            if extremes and mp.sign(extremes[-1][0]) == mp.sign(e):
                if abs(e) > abs(extremes[-1][0]):
                    extremes[-1] = (e, t)
            else:
                extremes.append((e, t))
        if len(extremes) < n + 1:
            break
        while len(extremes) > n + 1:
            extremes.pop(0 if abs(extremes[0][0]) < abs(extremes[-1][0]) else -1)
        points = [t for _, t in extremes]
        largest = max(abs(e) for e, _ in errors)
        if largest < abs(solution[n]) * (1 + mp.mpf(10) ** -4):
            break
    return coefficients, max(abs(e) for e, _ in errors)




TINY = mp.mpf(10) ** -24


def away(f):
    """f(t), at 0 the value next to it."""
    return lambda t: f(t if abs(t) > TINY else TINY)


root = mp.sqrt
LN2 = mp.log(2)
tanh_tail = away(lambda t: (mp.tanh(root(t)) / root(t) - 1) / t)
tanh_weight = away(lambda t: t * root(t) / mp.tanh(root(t)))
erf_ratio = away(lambda t: mp.erf(root(t)) / root(t) - 1)
erf_weight = away(lambda t: root(t) / mp.erf(root(t)))
erfc_log = lambda x: -mp.log(mp.erfc(x))
erfc_weight = lambda x: mp.erfc(x) / mp.erf(x)
exp_tail = away(lambda r: (mp.exp(r) - 1 - r) / r**2)
exp2_tail = away(lambda r: (mp.power(2, r) - 1) / r)
# log(1 + f) = f - f^2/2 + f^3 P(f)
log_tail = away(lambda f: (mp.log(1 + f) - f + f**2 / 2) / f**3)
# log((1 + s) / (1 - s)) = 2 s + s t P(t), t = s^2
atanh_tail = away(lambda t: (mp.log((1 + root(t)) / (1 - root(t))) / root(t) - 2) / t)
sin_tail = away(lambda t: (mp.sin(root(t)) / root(t) - 1) / t)
cos_tail = away(lambda t: (mp.cos(root(t)) - 1 + t / 2) / t**2)
atan_tail = away(lambda t: (mp.atan(root(t)) / root(t) - 1) / t)
asin_tail = away(lambda t: (mp.asin(root(t)) / root(t) - 1) / t)
sinh_tail = away(lambda t: (mp.sinh(root(t)) / root(t) - 1) / t)
one = lambda t: mp.mpf(1)
HALF_LN2, QUARTER_PI = LN2 / 2 * mp.mpf("1.001"), mp.pi / 4 * mp.mpf("1.001")
EIGHTH_PI = root(2) - 1
S = (root(2) - 1) / (root(2) + 1) * mp.mpf("1.001")

ROWS = {
    "tanh.f32": (tanh_tail, tanh_weight, 0, mp.mpf("0.625") ** 2, 4),
    "tanh.f64": (tanh_tail, tanh_weight, 0, mp.mpf("0.625") ** 2, 11),
    "erf.f32": (erf_ratio, erf_weight, 0, 1, 6),
    "erf.f64": (erf_ratio, erf_weight, 0, 1, 12),
    "erfc.f32": (erfc_log, erfc_weight, 1, mp.mpf("3.95"), 6),
    "erfc.f64": (erfc_log, erfc_weight, 1, mp.mpf("5.95"), 19),
    "exp.f32": (exp_tail, one, -HALF_LN2, HALF_LN2, 4),
    "exp.f64": (exp_tail, one, -HALF_LN2, HALF_LN2, 10),
    "exp2.f32": (exp2_tail, one, mp.mpf("-0.5"), mp.mpf("0.5"), 5),
    "exp2.f64": (exp2_tail, one, mp.mpf("-0.5"), mp.mpf("0.5"), 11),
    "log.f32": (log_tail, one, root(mp.mpf("0.5")) - 1, root(mp.mpf(2)) - 1, 7),
    "log.f64": (atanh_tail, away(lambda t: t / 2), 0, S**2, 6),
    "sin.f32": (sin_tail, away(lambda t: t), 0, QUARTER_PI**2, 3),
    "cos.f32": (cos_tail, away(lambda t: t), 0, QUARTER_PI**2, 2),
    "sin.f64": (sin_tail, away(lambda t: t), 0, QUARTER_PI**2, 5),
    "cos.f64": (cos_tail, away(lambda t: t), 0, QUARTER_PI**2, 5),
    "atan.f32": (atan_tail, away(lambda t: t), 0, EIGHTH_PI**2 * mp.mpf("1.001"), 3),
    "atan.f64": (atan_tail, away(lambda t: t), 0, EIGHTH_PI**2 * mp.mpf("1.001"), 11),
    "asin.f32": (asin_tail, away(lambda t: t), 0, mp.mpf("0.2501"), 4),
    "asin.f64": (asin_tail, away(lambda t: t), 0, mp.mpf("0.2501"), 12),
    "sinh.f32": (sinh_tail, away(lambda t: t), 0, 1, 2),
    "sinh.f64": (sinh_tail, away(lambda t: t), 0, 1, 6),
}

if __name__ == "__main__":
    for row in sys.argv[1:] or ROWS:
        f, weight, low, high, degree = ROWS[row]
        coefficients, error = solve(f, weight, mp.mpf(low), mp.mpf(high), degree)
        digits = 9 if row.endswith("f32") else 17
        print(f"// {row}: error {mp.nstr(mp.log(error, 2), 4)} bits")
        print("    {" + ", ".join(mp.nstr(c, digits, min_fixed=0, max_fixed=0) for c in coefficients) + "}")
