"""The study's app on Heroku: creating it, and asking about it.

Standard library only, here and in what is imported from here, since the template's hook runs
``python -m study.commands.up`` before anything is installed.
"""
