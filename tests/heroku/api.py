"""The Platform API: accounts, teams, apps, config vars, releases and processes."""

from __future__ import annotations

import re

from . import refusals, schema
from .app import App, Release
from .routes import Call, Reply, route

FEATURES = {
    "preboot": "Provide seamless web dyno deploys",
    "runtime-dyno-metadata": "Set HEROKU_APP_NAME and the like in the dyno's environment",
    "http-session-affinity": "Enable session affinity for all requests",
}


# Accounts and teams


@route("GET", "/account")
def account(call: Call) -> object:
    return schema.account(call.account)


@route("GET", "/teams")
def teams(call: Call) -> object:
    return [
        schema.team(team, call.account)
        for team in call.platform.teams.values()
        if call.account.email in team.roles
    ]


@route("GET", "/account/features")
def account_features(call: Call) -> object:
    return []


@route("GET", "/account/features/{feature}")
def account_feature(call: Call, feature: str) -> object:
    raise refusals.not_found("feature")


# Apps


@route("POST", "/apps")
@route("POST", "/teams/apps")
def create_app(call: Call) -> object:
    body = call.body
    app = call.platform.create_app(
        body.get("name"),
        by=call.account,
        team=body.get("team"),
        region=body.get("region"),
        stack=body.get("stack"),
    )
    return Reply(schema.app(app), 201)


@route("GET", "/apps")
@route("GET", "/users/~/apps")
def apps(call: Call) -> object:
    return [schema.app(app) for app in call.platform.apps_of(call.account)]


@route("GET", "/teams/{team}/apps")
def team_apps(call: Call, team: str) -> object:
    return [
        schema.app(app)
        for app in call.platform.apps_of(call.account)
        if getattr(app.owner, "name", None) == team
    ]


@route("GET", "/apps/{app}")
def app_info(call: Call, app: App) -> object:
    return schema.app(app)


@route("PATCH", "/apps/{app}")
def update_app(call: Call, app: App) -> object:
    app.maintenance = bool(call.body.get("maintenance", app.maintenance))
    return schema.app(app)


@route("DELETE", "/apps/{app}")
def destroy_app(call: Call, app: App) -> object:
    body = schema.app(app)
    call.platform.destroy_app(app)
    return body


@route("GET", "/apps/{app}/collaborators")
def collaborators(call: Call, app: App) -> object:
    return [
        schema.collaborator(app.owner.email, "owner", app),
        *(schema.collaborator(email, "member", app) for email in sorted(app.collaborators)),
    ]


@route("GET", "/apps/{app}/pipeline-couplings")
def pipeline(call: Call, app: App) -> object:
    raise refusals.not_found("pipeline-coupling")


@route("GET", "/apps/{app}/domains")
def domains(call: Call, app: App) -> object:
    return [schema.domain(host, app) for host in app.domains]


@route("GET", "/apps/{app}/buildpack-installations")
def buildpacks(call: Call, app: App) -> object:
    if not app.current.slug:
        return []
    return [
        {"buildpack": {"name": "heroku/python", "url": "urn:buildpack:heroku/python"}, "ordinal": 0}
    ]


@route("GET", "/apps/{app}/features")
def features(call: Call, app: App) -> object:
    return [schema.feature(name, text, name in app.features) for name, text in FEATURES.items()]


@route("GET", "/apps/{app}/features/{feature}")
@route("PATCH", "/apps/{app}/features/{feature}")
def feature(call: Call, app: App, feature: str) -> object:
    if feature not in FEATURES:
        raise refusals.not_found("feature")
    if "enabled" in call.body:
        (app.features.add if call.body["enabled"] else app.features.discard)(feature)
    return schema.feature(feature, FEATURES[feature], feature in app.features)


# Config vars and releases


@route("GET", "/apps/{app}/config-vars")
def config(call: Call, app: App) -> object:
    return app.config


@route("PATCH", "/apps/{app}/config-vars")
def set_config(call: Call, app: App) -> object:
    app.set_config(call.body, call.account)
    return app.config


@route("GET", "/apps/{app}/releases")
def releases(call: Call, app: App) -> object:
    wanted = call.header("Range")
    found = sorted(app.releases, key=lambda one: one.version, reverse="order=desc" in wanted)
    most = re.search(r"max=(\d+)", wanted)
    shown = found[: int(most[1])] if most else found
    body = [schema.release(one, app) for one in shown]
    if len(shown) == len(found):
        return body
    order = "; order=desc" if "order=desc" in wanted else ""
    return Reply(body, 206, {"Next-Range": f"version ]{shown[-1].version}..; max={most[1]}{order}"})


@route("GET", "/apps/{app}/releases/{version}")
def release(call: Call, app: App, version: str) -> object:
    return schema.release(_release(app, version), app)


@route("GET", "/apps/{app}/releases/{version}/config-vars")
def release_config(call: Call, app: App, version: str) -> object:
    return _release(app, version).config


def _release(app: App, version: str) -> Release:
    for one in app.releases:
        if version in (str(one.version), one.id):
            return one
    raise refusals.not_found("release")


# Processes


@route("GET", "/apps/{app}/formation")
def formation(call: Call, app: App) -> object:
    return [schema.process_type(one, app) for one in app.formation.values()]


@route("PATCH", "/apps/{app}/formation")
def scale(call: Call, app: App) -> object:
    app.scale(call.body.get("updates") or [])
    return formation(call, app)


@route("GET", "/apps/{app}/dynos")
def dynos(call: Call, app: App) -> object:
    return [schema.dyno(one) for one in app.dynos.running]


@route("POST", "/apps/{app}/dynos")
def run(call: Call, app: App) -> object:
    # Attached runs need Heroku's rendezvous protocol, which is not reproduced.
    if call.body.get("attach"):
        raise refusals.Refusal(501, "not_implemented", "This double runs detached dynos only.")
    if not app.current.slug:
        raise refusals.invalid("No code has been pushed to this app yet.")
    env = {name: str(value) for name, value in (call.body.get("env") or {}).items()}
    dyno = app.dynos.one_off(str(call.body["command"]), app.current, "run", env)
    dyno.serve()
    return Reply(schema.dyno(dyno), 201)


@route("DELETE", "/apps/{app}/dynos")
def restart(call: Call, app: App) -> object:
    app.dynos.restart()
    return Reply({}, 202)


@route("DELETE", "/apps/{app}/dynos/{dyno}")
@route("DELETE", "/apps/{app}/formations/{dyno}")
def restart_dyno(call: Call, app: App, dyno: str) -> object:
    if not any(dyno in (one.name, one.type) for one in app.dynos.running):
        raise refusals.not_found("dyno")
    app.dynos.restart()
    return Reply({}, 202)


@route("POST", "/apps/{app}/log-sessions")
def log_session(call: Call, app: App) -> object:
    lines = int(call.body.get("lines") or 100)
    tail = "1" if call.body.get("tail") else "0"
    dyno = call.body.get("dyno") or ""
    source = call.body.get("source") or ""
    url = (
        f"{call.platform.url}/streams/logs/{app.id}"
        f"?lines={lines}&tail={tail}&dyno={dyno}&source={source}"
    )
    return Reply(
        {
            "id": app.id,
            "created_at": app.updated_at,
            "logplex_url": url,
            "updated_at": app.updated_at,
        },
        201,
    )
