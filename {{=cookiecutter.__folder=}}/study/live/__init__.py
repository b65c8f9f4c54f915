"""Looks at the study where it runs, on Heroku or on this machine; changes nothing.

One module for each subject:

    whereabouts    the app, its database and its settings
    effective      which value each setting has, and where that value comes from
    participants   psiTurk's table, for those who count and look things up
    statuses       psiTurk's words for its numbers
"""
