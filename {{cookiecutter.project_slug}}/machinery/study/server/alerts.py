"""Starts what looks after alerts, beside the requests of a worker process."""

from contextlib import suppress
from threading import Thread

from sqlalchemy.exc import SQLAlchemyError

from study import config
from study.alerts.looking import Observer
from study.alerts.monitor import Monitor
from study.alerts.posting import name_chat, post
from study.database.alerts import AlertStore, note_start
from study.database.participants import utc_now
from study.messages import StudyError
from study.server.failures import failures
from study.server.services import services


def start(is_new: bool) -> None:
    """Look after alerts if they have an address, on a server in the cloud.

    ``is_new`` says whether this process is the first of its server, or takes the place of one that
    has ended. Whatever goes wrong with alerts ends a thread and no process.
    """
    if config.is_on_cloud():
        for task in (note_own_start, look_after_alerts)[not is_new :]:
            Thread(target=task, daemon=True).start()


def note_own_start() -> None:
    """Note that this server has started; alerts tell if that happens again and again."""
    with suppress(SQLAlchemyError):
        note_start(services.engine, config.name_server(), utc_now())


def look_after_alerts() -> None:
    """Tell what is wrong with the study as long as this process lives."""
    settings = config.load()
    if not (url := settings.alert_url):
        return
    try:
        name_chat(url)
    except StudyError as error:
        print(f"There are no alerts: {error}", flush=True)
        return
    store, title = AlertStore(services.engine), settings.study.title
    observer = Observer(services.engine, store, settings, lambda: failures.pending, utc_now)
    Monitor(store, observer.look, lambda text: post(url, f"{title}: {text}"), utc_now).run()
