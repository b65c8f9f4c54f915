"""Bringing the experiment of an older psiTurk study into this one: `study adopt`.

    old_study   the folder of the old study: found, and refused if it cannot be brought over
    plan        what becomes of each of its files; carried out as one commit, told in ADOPTED.md
    pages       its pages and scripts: our client, allowed hosts, https
    code        its custom.py and the modules beside it: Python 3, psiTurk 3, our init_app
    settings    its config.txt: what moves where, and what stays out
    adoption    all of these together
    trial       the adopted study tried in a browser

The old folder is only read. Nothing is written before the whole plan is made.
"""
