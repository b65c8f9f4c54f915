"""The study's app on Heroku: creating it, and asking about it.

Standard library only, since the template's hook runs ``python -m study.commands.up`` before
anything is installed. The same holds for what it imports: study.commands, study.config,
study.messages, study.excluded and study.recruiters.
"""
