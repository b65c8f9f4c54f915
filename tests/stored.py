"""Participants as a study's database has stored them, and how a download is read."""

import csv
import sqlite3

from live_study import participant

ROWS = [
    participant(1, 50),
    participant(2, 40),
    participant(2, 30, assignmentid="again", hitid="hit2"),  # the same person
    participant(3, 20, lasted=None, datastring=None),  # came, and left before the first save
    participant(4, 10, mode="sandbox"),
    participant(5, 5, mode="debug"),
    participant(6, 4, mode=None),
    participant(7, 3, mode="preview"),
]


def read(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def database(setting):
    return sqlite3.connect(setting["PSITURK_DATABASE_URL"].removeprefix("sqlite:///"))
