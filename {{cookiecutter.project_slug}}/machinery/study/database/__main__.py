"""The release phase: ``python -m study.database``."""

from study.database.creation import main

main()
