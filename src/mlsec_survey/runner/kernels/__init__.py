"""Forked kernels behind one door: a papermill engine, which README.md in this folder explains."""

# What a fork server has to load for kernels to start at once.
LOADED_FIRST = ("mlsec_survey.runner.kernels.child",)
