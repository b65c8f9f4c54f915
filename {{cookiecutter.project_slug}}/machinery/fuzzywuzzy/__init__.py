"""Names that resemble a mistyped one.

psiTurk's shell imports a package of this name, which is under the GPL and no longer maintained,
for one question (psiturk/psiturk_shell.py): which command may have been meant. As nothing but the
shell imports it, this is also where the shell learns to read the records of those who take part
at the moment.
"""

from study.database.loading import complete_loaded_records

complete_loaded_records()
