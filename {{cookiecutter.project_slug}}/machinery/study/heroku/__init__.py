"""The study's app on Heroku: making it, and asking about it.

Standard library only, so that the template's hook can run ``python -m study.heroku`` before
anything is installed. The same holds for study.config, study.errors and
study.recruiters, which it uses.
"""
