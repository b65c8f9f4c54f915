"""Names that resemble a mistyped one.

psiTurk's shell imports a package of this name, which is under the GPL and no longer maintained,
for one question (psiturk/psiturk_shell.py): which command may have been meant.
"""
