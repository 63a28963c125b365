"""Measurements of the kit, each run as `python -m benchmarks.NAME`; results go to results/."""
