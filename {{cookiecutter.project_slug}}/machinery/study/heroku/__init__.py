"""The study's app on Heroku: creating it, and asking about it.

Standard library only, since the template's hook runs ``python -m study.commands.up`` before
anything is installed. So are study.errors, study.recruiters and study.commands.up, which it uses.
"""
