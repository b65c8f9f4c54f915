"""Hosts besides Heroku: the one file that each needs, and what to type there.

Any host will do that runs the ``web`` line of the Procfile with PORT and a Postgres in
DATABASE_URL. Facts of Dokku (dokku.com/docs), Scalingo (doc.scalingo.com, its buildpack on GitHub)
and Docker were looked up on 28 November 2026.
"""

import json
from pathlib import Path

from study.messages import StudyError

DOCKERFILE = Path(__file__).parent / "Dockerfile"
LARGEST_BODY = "65m"  # of what participants send: a record of 64 MB (max_record_mb)
SCALINGO = {
    "addons": [{"plan": "postgresql:postgresql-starter-512"}],
    "formation": {"web": {"amount": 1, "size": "M"}},
}
# The file of each kind of host, and the commands, with {name} for the study's name there.
HOSTS = {
    "docker": (
        "Dockerfile",
        """\
docker build --tag {name} .
docker run --rm --env DATABASE_URL {name} python -m study.server release
docker run --detach --restart unless-stopped --publish 127.0.0.1:8000:8000 --env DATABASE_URL {name}
# In front of it, for https: a proxy that sets X-Forwarded-Proto and X-Forwarded-For, such as Caddy.
""",
    ),
    "dokku": (
        "Dockerfile",
        """\
# On the server:
dokku apps:create {name}
dokku postgres:create {name}-data
dokku postgres:link {name}-data {name}
dokku nginx:set {name} client-max-body-size {body}
# Here; the release line of the Procfile then makes the tables, and its web line serves:
git remote add dokku dokku@SERVER:{name}
git push dokku main:master
# On the server, once the address leads there:
dokku letsencrypt:enable {name}
""",
    ),
    "scalingo": (
        "scalingo.json",
        """\
scalingo create {name}
scalingo --app {name} addons-add postgresql postgresql-starter-512
scalingo --app {name} env-set ON_CLOUD=1
git push scalingo main:master
scalingo --app {name} run python -m study.server release
# For status and data, in a second terminal: scalingo --app {name} db-tunnel DATABASE_URL
""",
    ),
}


def write_file(file: str, folder: Path) -> bool:
    """Write a host's file into the study; return whether it is new.

    Raises StudyError if there is another one of that name.
    """
    path, text = folder / file, make_text(file, folder)
    if path.exists():
        if path.read_text(encoding="utf-8") == text:
            return False
        remedy = "Nothing was changed. Move yours away to get this one, then run it again."
        raise StudyError(f"There is a {file} already, and it is another one.", remedy)
    path.write_text(text, encoding="utf-8")
    return True


def make_text(file: str, folder: Path) -> str:
    """Return what a host's file holds; Scalingo's is app.json in its own words."""
    if file == DOCKERFILE.name:
        return DOCKERFILE.read_text(encoding="utf-8")
    made = json.loads((folder / "app.json").read_text(encoding="utf-8")) | SCALINGO
    made["env"].pop("DATABASE_URL", None)  # the add-on sets it
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"
