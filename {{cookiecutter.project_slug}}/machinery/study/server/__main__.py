"""Serve the study: ``python -m study.server``."""

from study.server.launch import main

main()
