"""The Platform API: add-ons, and the attachments that name them on an app."""

from __future__ import annotations

from . import addons, catalogue, refusals, schema
from .app import App
from .routes import Call, Reply, route


@route("POST", "/apps/{app}/addons")
def create_addon(call: Call, app: App) -> object:
    plan = call.body.get("plan")
    plan = str(plan.get("name") if isinstance(plan, dict) else plan)
    attachment = call.body.get("attachment") or {}
    addon = addons.buy(
        app,
        plan,
        by=call.account,
        attach_as=attachment.get("name"),
        name=call.body.get("name"),
        confirm=call.body.get("confirm"),
    )
    message = "" if addon.state == "provisioned" else "Database should be available soon"
    return Reply({**_addon(call, addon), "provision_message": message}, 201)


@route("GET", "/apps/{app}/addons")
def app_addons(call: Call, app: App) -> object:
    for addon in app.addons:
        addon.looked_at()
    return [_addon(call, addon) for addon in app.addons]


@route("GET", "/apps/{app}/addons/{addon}")
def app_addon(call: Call, app: App, addon: str) -> object:
    found = find_addon(call, addon, app)
    found.looked_at()
    return _addon(call, found)


@route("GET", "/addon-services/{service}/plans")
def plans(call: Call, service: str) -> object:
    found = [schema.plan(plan) for plan in catalogue.PLANS.values() if plan.service == service]
    if not found:
        raise refusals.not_found("addon-service")
    return found


@route("GET", "/addons")
def all_addons(call: Call) -> object:
    return [_addon(call, addon) for addon in _visible(call)]


@route("GET", "/addons/{addon}")
def addon_info(call: Call, addon: str) -> object:
    return _addon(call, find_addon(call, addon))


@route("DELETE", "/apps/{app}/addons/{addon}")
def destroy_addon(call: Call, app: App, addon: str) -> object:
    found = find_addon(call, addon, app)
    body = _addon(call, found)
    found.destroy()
    return {**body, "state": "deprovisioned"}


@route("GET", "/addon-attachments")
def all_attachments(call: Call) -> object:
    return [
        _attachment(call, one)
        for app in call.platform.apps_of(call.account)
        for one in app.attachments
    ]


@route("GET", "/apps/{app}/addon-attachments")
def app_attachments(call: Call, app: App) -> object:
    return [_attachment(call, one) for one in app.attachments]


@route("GET", "/addons/{addon}/addon-attachments")
def attachments_of(call: Call, addon: str) -> object:
    return [_attachment(call, one) for one in find_addon(call, addon).attachments]


@route("POST", "/actions/addons/resolve")
def resolve_addon(call: Call) -> object:
    name = call.body.get("app")
    app = call.platform.find_app(str(name), call.account) if name else None
    addon = find_addon(call, str(call.body.get("addon")), app)
    addon.looked_at()
    return [_addon(call, addon)]


@route("POST", "/actions/addon-attachments/resolve")
def resolve_attachment(call: Call) -> object:
    name, wanted = call.body.get("app"), str(call.body.get("addon_attachment"))
    apps = (
        [call.platform.find_app(str(name), call.account)]
        if name
        else call.platform.apps_of(call.account)
    )
    found = [
        one
        for app in apps
        for one in app.attachments
        if wanted in (one.name, f"{one.name}_URL", one.id, one.addon.name, one.addon.id)
    ]
    if not found:
        raise refusals.not_found("add_on attachment")
    return [_attachment(call, one) for one in found]


def _visible(call: Call) -> list[addons.AddOn]:
    return [addon for app in call.platform.apps_of(call.account) for addon in app.addons]


def find_addon(call: Call, wanted: str, app: App | None = None) -> addons.AddOn:
    """By name, id, service or attachment name, as Heroku resolves it."""
    for addon in app.addons if app else _visible(call):
        names = {addon.name, addon.id, addon.plan.service, addon.plan.name}
        names |= {name for one in addon.attachments for name in (one.name, f"{one.name}_URL")}
        if wanted in names:
            return addon
    raise refusals.not_found("add_on")


def _addon(call: Call, addon: addons.AddOn) -> dict[str, object]:
    return schema.addon(addon, call.header("Accept-Expansion"))


def _attachment(call: Call, attachment: addons.Attachment) -> dict[str, object]:
    return schema.attachment(attachment, call.header("Accept-Inclusion"))
