"""Fixtures that several files here share."""

import re
import shutil

import pytest
from holdings import ADA, BOB, MARKER, Archive, somebody
from saving import begin
from stored import database


@pytest.fixture
def participant(server, request):
    return begin(server, re.sub(r"\W+", "-", request.node.name)[:100])


@pytest.fixture
def two(lab) -> Archive:
    """Ada, who came twice, and Bob; with files of a download."""
    archive = Archive(lab.folder, lab.python, lab.url, None)
    archive.fill(
        somebody(1, ADA, "first-visit", MARKER),
        somebody(2, ADA, "second-visit", MARKER),
        somebody(3, BOB, "only-visit", "fine"),
        commands=(["data"],),
    )
    return archive


@pytest.fixture(scope="module")
def local(live, tmp_path_factory):
    """Makes a database on this machine with these participants; gives the setting for it."""
    empty = tmp_path_factory.mktemp("local") / "empty.db"
    live.fill([], f"sqlite:///{empty}")

    def make(rows):
        path = tmp_path_factory.mktemp("local") / "participants.db"
        setting = {"PSITURK_DATABASE_URL": f"sqlite:///{shutil.copy(empty, path)}"}
        with database(setting) as connection:
            for row in rows:
                uniqueid = f"{row['workerid']}:{row['assignmentid']}"
                filled = {"uniqueid": uniqueid, "codeversion": "1.0", **row}
                columns, places = ", ".join(filled), ", ".join("?" * len(filled))
                connection.execute(
                    f"insert into assignments ({columns}) values ({places})", [*filled.values()]
                )
        connection.close()
        return setting

    return make
