"""The ENG5 runner: research runs on graded essays, and reports of how far a judge agrees with the national grades.

Nothing is asked from here: what is to be judged becomes a batch like every other.
"""
