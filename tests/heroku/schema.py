"""State written as the Platform API writes it: the fields of Heroku's published schema.

`plan` is a stub and `config_vars` of an attachment are left out unless the request asks for
them (Accept-Expansion, Accept-Inclusion), because code that forgets to ask must see that.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from . import catalogue
from .platform import Account, Team

if TYPE_CHECKING:
    from .addons import AddOn, Attachment
    from .app import App, ProcessType, Release
    from .dynos import Dyno


def stable_id(name: str) -> str:
    """An id for things that only have a name here (regions, stacks, plans)."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def _named(name: str) -> dict[str, str]:
    return {"id": stable_id(name), "name": name}


def _reference(app: App) -> dict[str, str]:
    return {"id": app.id, "name": app.name}


def _user(owner: Account | Team) -> dict[str, str]:
    return {"id": owner.id, "email": owner.email}


def account(one: Account) -> dict[str, object]:
    return {
        "allow_tracking": True,
        "beta": False,
        "created_at": one.created_at,
        "default_team": None,
        "delinquent_at": None,
        "email": one.email,
        "federated": False,
        "id": one.id,
        "identity_provider": None,
        "last_login": one.created_at,
        "name": None,
        "sms_number": None,
        "suspended_at": None,
        "two_factor_authentication": True,
        "updated_at": one.created_at,
        "verified": one.verified,
    }


def team(one: Team, account: Account) -> dict[str, object]:
    return {
        "created_at": one.created_at,
        "credit_card_collections": True,
        "default": False,
        "enterprise_account": None,
        "id": one.id,
        "identity_provider": None,
        "membership_limit": 25,
        "name": one.name,
        "provisioned_licenses": False,
        "role": one.roles.get(account.email),
        "type": "team",
        "updated_at": one.created_at,
    }


def app(one: App) -> dict[str, object]:
    team = {"id": one.owner.id, "name": one.owner.name} if isinstance(one.owner, Team) else None
    deployed = [release for release in one.releases if release.slug]
    return {
        "acm": False,
        "archived_at": None,
        "buildpack_provided_description": "Python" if deployed else None,
        "build_stack": _named(one.stack),
        "create_status": "complete",
        "created_at": one.created_at,
        "generation": _named("cedar"),
        "git_url": one.git_url,
        "id": one.id,
        "internal_routing": None,
        "maintenance": one.maintenance,
        "name": one.name,
        "organization": team,
        "owner": _user(one.owner),
        "process_tier": "eco" if getattr(one.owner, "eco", False) else "basic",
        "region": _named(one.region),
        "released_at": one.releases[-1].created_at,
        "repo_size": None,
        "slug_size": None,
        "space": None,
        "stack": _named(one.stack),
        "team": team,
        "updated_at": one.updated_at,
        "web_url": one.web_url,
    }


def plan(one: catalogue.Plan) -> dict[str, object]:
    return {
        **_named(one.name),
        "addon_service": _named(one.service),
        "default": False,
        "description": one.name.partition(":")[2],
        "human_name": one.name.partition(":")[2],
        "installable_inside_private_network": False,
        "space_default": False,
        "price": {"cents": one.cents, "contract": False, "metered": False, "unit": "month"},
        "state": "ga",
        "visible": True,
    }


def addon(one: AddOn, expand: str = "") -> dict[str, object]:
    return {
        "actions": [],
        "addon_service": _named(one.plan.service),
        "app": _reference(one.app),
        "billed_price": {"cents": one.plan.cents, "contract": False, "unit": "month"},
        "billing_entity": {**_reference(one.app), "type": "app"},
        "config_vars": [
            name
            for attachment in one.attachments
            if attachment.app is one.app
            for name in attachment.config_vars
        ],
        "created_at": one.created_at,
        "id": one.id,
        "name": one.name,
        "plan": plan(one.plan) if "plan" in expand else _named(one.plan.name),
        "provider_id": one.id,
        "state": one.state,
        "updated_at": one.updated_at,
        "web_url": f"https://data.heroku.com/datastores/{one.id}",
    }


def attachment(one: Attachment, include: str = "") -> dict[str, object]:
    addon = {"app": _reference(one.addon.app), "id": one.addon.id, "name": one.addon.name}
    if "addon:plan" in include:
        addon["plan"] = _named(one.addon.plan.name)
    body = {
        "addon": addon,
        "app": _reference(one.app),
        "created_at": one.created_at,
        "id": one.id,
        "log_input_url": None,
        "name": one.name,
        "namespace": None,
        "updated_at": one.created_at,
        "web_url": None,
    }
    if "config_vars" in include:
        body["config_vars"] = list(one.config_vars)
    return body


def release(one: Release, app: App) -> dict[str, object]:
    output = None
    if one.output is not None:
        output = f"{app.platform.url}/streams/releases/{one.id}"
    return {
        "addon_plan_names": [addon.plan.name for addon in app.addons],
        "app": _reference(app),
        "created_at": one.created_at,
        "current": one is app.current,
        "description": one.description,
        "eligible_for_rollback": one.slug is not None,
        "id": one.id,
        "output_stream_url": output,
        "slug": {"id": one.slug.id, "commit": one.slug.commit} if one.slug else None,
        "status": one.status,
        "updated_at": one.updated_at,
        "user": _user(one.user),
        "version": one.version,
    }


def process_type(one: ProcessType, app: App) -> dict[str, object]:
    return {
        "app": _reference(app),
        "command": one.command,
        "created_at": one.created_at,
        "dyno_size": _named(one.size),
        "id": one.id,
        "quantity": one.quantity,
        "size": one.size,
        "type": one.type,
        "updated_at": one.created_at,
    }


def dyno(one: Dyno) -> dict[str, object]:
    return {
        "app": _reference(one.app),
        "attach_url": None,
        "command": one.command,
        "created_at": one.created_at,
        "id": one.id,
        "name": one.name,
        "release": {"id": one.release.id, "version": one.release.version},
        "size": one.size,
        "state": one.state,
        "type": one.type,
        "updated_at": one.updated_at,
    }


def domain(host: str, app: App) -> dict[str, object]:
    heroku = host == app.host
    return {
        "acm_status": None,
        "acm_status_reason": None,
        "app": _reference(app),
        "cname": None if heroku else f"{host}.herokudns.com",
        "created_at": app.created_at,
        "hostname": host,
        "id": stable_id(host),
        "kind": "heroku" if heroku else "custom",
        "sni_endpoint": None,
        "status": "succeeded",
        "updated_at": app.created_at,
    }


def collaborator(email: str, role: str, app: App) -> dict[str, object]:
    return {
        "app": _reference(app),
        "created_at": app.created_at,
        "id": stable_id(email),
        "permissions": [],
        "role": role,
        "updated_at": app.created_at,
        "user": {"email": email, "federated": False, "id": stable_id(email)},
    }


def feature(name: str, description: str, enabled: bool) -> dict[str, object]:
    return {
        "created_at": "2014-01-01T00:00:00Z",
        "description": description,
        "display_name": name,
        "doc_url": f"https://devcenter.heroku.com/articles/{name}",
        "enabled": enabled,
        "feedback_email": "feedback@example.com",
        "id": stable_id(name),
        "name": name,
        "state": "general",
        "updated_at": "2014-01-01T00:00:00Z",
    }
