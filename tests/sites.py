"""A study that runs on this machine for any recruiter, with its database within reach.

serve    a function that gives the running study for a recruiter; one for each file
"""

import sqlite3
from collections import Counter
from contextlib import ExitStack, closing

import pytest
from generated import Study
from server import Server, free_port

CODES = {
    "COMPLETION_CODE": "C0MPLETED",
    "SCREENED_OUT_CODE": "SCR33NED",
    "DECLINED_CODE": "D3CLINED",
    "LEFT_EARLY_CODE": "L3FT",
    "SONA_COMPLETION_URL": "https://uni.sona-systems.com/webstudy_credit.aspx"
    "?experiment_id=7&credit_token=t0ken&survey_code=XXXX",
}


class Site:
    """A running study for one recruiter, with its table."""

    def __init__(self, study: Study, server: Server, database: str):
        self.study, self.server, self.database = study, server, database
        self.address = server.address

    def sql(self, statement: str) -> list[tuple]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement).fetchall()

    @property
    def rows(self) -> dict[str, str]:
        """The modes of the participants, by their worker ids."""
        return dict(self.sql("SELECT workerid, mode FROM assignments"))

    @property
    def events(self) -> Counter:
        return Counter(dict(self.sql("SELECT kind, sum(count) FROM study_incidents GROUP BY 1")))


@pytest.fixture(scope="module")
def serve(studies, tmp_path_factory):
    """A function that gives the running study for a recruiter."""
    study, running = studies(recruitment="prolific", num_conditions="2"), {}
    with ExitStack() as stack:

        def serve(recruitment: str, **settings: str) -> Site:
            key = (recruitment, *settings.items())
            if key not in running:
                database = str(tmp_path_factory.mktemp("data") / "participants.db")
                port = free_port()
                given = {
                    "PSITURK_DATABASE_URL": f"sqlite:///{database}", "PSITURK_PORT": str(port),
                    "PSITURK_THREADS": "1", "PSITURK_ERRORLOG": "-",
                    "PSITURK_RECRUITMENT": recruitment, "PSITURK_SECRET_KEY": "k3y",
                }  # fmt: skip
                server = Server(
                    study.path, study.python, "-m", "study.server",
                    port=port, **given | CODES | settings,
                )  # fmt: skip
                running[key] = Site(study, stack.enter_context(server).wait(), database)
            return running[key]

        yield serve
