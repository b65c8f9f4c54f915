"""A page on this computer that shows the running study: `study watch`.

    study.py    what is shown: the figures of study/overview, Heroku's app, and a pause
    server.py   the server on 127.0.0.1, and who may ask it
    flags.py    the flags of the newest quality.csv
    page/       the page: HTML, CSS and JavaScript
"""
