"""The ENG5 runner: preflight, plan, run artefact and its verification, usable without Dagster."""
