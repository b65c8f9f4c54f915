"""Are the answers usable? Answers from a replay file have not been checked before."""
# {{ cookiecutter | checked_all }}
