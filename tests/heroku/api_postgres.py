"""Heroku's Postgres API (api.data.heroku.com): the state of a database, and its backups.

Backups are real: pg_dump writes them, and `heroku pg:backups:download` gets a file that
pg_restore reads.
"""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from . import refusals
from .addons import AddOn, Transfer
from .api_addons import find_addon
from .app import App
from .clock import now
from .routes import Call, Reply, route


@route("GET", "/client/v11/databases/{addon}")
def database(call: Call, addon: str) -> object:
    found = _provisioned(call, addon)
    info = {
        "Plan": found.plan.name.partition(":")[2].replace("-", " ").title(),
        "Status": "Available",
        **_measure(found),
        "Continuous Protection": "Off",
        "Created": found.created_at,
    }
    return {
        "addon_id": found.id,
        "name": found.name,
        "plan": found.plan.name,
        "resource_url": found.url,
        "waiting?": False,
        "info": [{"name": name, "values": [value]} for name, value in info.items()],
    }


def _measure(addon: AddOn) -> dict[str, str]:
    databases = addon.app.platform.databases
    if not databases:
        return {}
    name = urlsplit(addon.url).path[1:]
    size, used, version, tables = databases.run(
        "SELECT pg_database_size(current_database())",
        f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{urlsplit(addon.url).username}'",
        "SHOW server_version",
        "SELECT count(*) FROM pg_stat_user_tables",
        database=name,
    ).split("\n")[:4]
    share = int(size) / addon.plan.gigabytes / 1e7
    return {
        "Connections": f"{used}/{addon.plan.connections}",
        "PG Version": version.split()[0],
        "Data Size": f"{int(size) / 1e6:.2f} MB / {addon.plan.gigabytes} GB ({share:.2f}%) "
        f"({'In compliance' if share < 100 else 'Over limit'})",
        "Tables": tables,
    }


@route("GET", "/client/v11/databases/{addon}/wait_status")
def wait_status(call: Call, addon: str) -> object:
    found = find_addon(call, addon)
    found.looked_at()
    message = {"provisioning": "preparing", "provisioned": "available"}.get(found.state, "failed")
    return {
        "waiting?": found.state == "provisioning",
        "error?": found.state == "deprovisioned",
        "message": message,
    }


@route("POST", "/client/v11/databases/{addon}/backups")
def capture(call: Call, addon: str) -> object:
    found = _provisioned(call, addon)
    folder = found.app.folder / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    num = 1 + len(found.app.backups)
    backup = Transfer(
        num,
        found.attachments[0].name if found.attachments else found.name,
        folder / f"b{num:03}.dump",
    )
    found.app.backups.append(backup)
    threading.Thread(target=_dump, args=(found, backup), daemon=True).start()
    return Reply(_transfer(backup), 201)


def _dump(addon: AddOn, backup: Transfer) -> None:
    databases = addon.app.platform.databases
    if databases:
        done = databases.dump(addon.url, backup.path)
        backup.succeeded, backup.log = done.returncode == 0, done.stderr
    else:
        backup.succeeded, backup.log = False, "There is no database behind this add-on."
    backup.bytes = backup.path.stat().st_size if backup.succeeded else 0
    backup.finished_at = now()


@route("GET", "/client/v11/databases/{addon}/transfer-schedules")
def schedules(call: Call, addon: str) -> object:
    return [
        {"name": "DATABASE_URL", "hour": hour, "timezone": "UTC"}
        for hour in _provisioned(call, addon).app.backup_hours
    ]


@route("GET", "/client/v11/apps/{app}/transfers")
def transfers(call: Call, app: App) -> object:
    return [_transfer(backup) for backup in app.backups]


@route("GET", "/client/v11/apps/{app}/transfers/{transfer}")
def transfer(call: Call, app: App, transfer: str) -> object:
    return _transfer(_find(app, transfer))


@route("POST", "/client/v11/apps/{app}/transfers/{transfer}/actions/public-url")
def public_url(call: Call, app: App, transfer: str) -> object:
    backup = _find(app, transfer)
    # The CLI downloads with an https client whatever the address says.
    return Reply(
        {"url": f"{call.platform.secure_url}/streams/backups/{backup.secret}", "expires_at": now()},
        201,
    )


def _provisioned(call: Call, addon: str) -> AddOn:
    found = find_addon(call, addon)
    if found.state != "provisioned":
        raise refusals.not_found("database")
    return found


def _find(app: App, wanted: str) -> Transfer:
    for backup in app.backups:
        if wanted in (backup.uuid, str(backup.num)):
            return backup
    raise refusals.not_found("transfer")


def _transfer(one: Transfer) -> dict[str, object]:
    logs = [{"created_at": one.created_at, "message": line} for line in one.log.splitlines()]
    return {
        "uuid": one.uuid,
        "num": one.num,
        "from_name": one.database,
        "from_type": "pg_dump",
        "to_name": "BACKUP",
        "to_type": "gof3r",
        "created_at": one.created_at,
        "started_at": one.created_at,
        "finished_at": one.finished_at,
        "succeeded": one.succeeded,
        "processed_bytes": one.bytes,
        "source_bytes": one.bytes,
        "warnings": 0,
        "schedule": None,
        "options": {},
        "logs": logs,
    }
