"""The ENG5 runner: preflight, plan, run artefact and its verification, and how far a judge agrees with known grades.

Usable without Dagster. Nothing is asked from here: what is to be judged becomes a batch like every other.
"""
