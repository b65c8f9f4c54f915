"""`study up` for when the study is not installed yet: ``python -m study.heroku``."""

from study.heroku.up import main

main()
