"""What a participant's browser does once a researcher has erased them."""

import sqlite3

import forks
from arrival import find_link
from counting import SYNC, lose_saves, open_task, run_trials, until
from inspection import inspect
from playwright.sync_api import expect


def erase(preview, worker: str) -> None:
    command = ("-m", "study", "erase", worker, "--local", "--yes")
    study = preview.study
    done = forks.run(study.python, *command, cwd=study.path, env=preview.environment)
    assert done.returncode == 0, done.stderr


def kept(page) -> list:
    """All that the browser's database holds."""
    return page.evaluate(
        """() => new Promise((resolve) => {
            const opened = indexedDB.open("study-entries");
            opened.onsuccess = () => {
                const names = ["journals", "entries"];
                const stores = opened.result.transaction(names);
                const found = names.map((name) => stores.objectStore(name).getAll());
                stores.oncomplete = () => resolve(found.flatMap(({ result }) => result));
            };
        })"""
    )


def test_the_open_window_of_somebody_erased_says_so_and_deletes_its_copy(preview, counting, page):
    open_task(page, preview.address, "erased-in-the-task")
    run_trials(page, 3)
    page.evaluate("psiTurk.saveData()")
    assert kept(page)
    erase(preview, "erased-in-the-task")
    run_trials(page, 1)
    page.evaluate("void psiTurk.completeHIT()")
    expect(page.get_by_role("heading", name="Your data have been deleted")).to_be_visible()
    page.wait_for_timeout(2000)  # by then, a save that waits would be told of
    expect(page.locator("dialog.notice")).to_have_count(1)
    inspect(page, "erased-in-the-task")
    assert kept(page) == []
    run_trials(page, 1)
    assert kept(page) == []
    assert page.reload().status == 410
    with sqlite3.connect(preview.database) as database:
        query = "select count(*) from assignments where workerid = 'erased-in-the-task'"
        assert database.execute(query).fetchone() == (0,)


def test_what_a_browser_could_not_send_is_deleted_at_the_next_visit(preview, counting, page):
    open_task(page, preview.address, "erased-and-away")
    run_trials(page, 1)
    page.evaluate("psiTurk.saveData()")
    lose_saves(page)
    run_trials(page, 2)
    assert len(kept(page)) > 2
    invitation = find_link(page, preview.address, "/pub", "erased-and-away")
    page.goto(f"{preview.address}/static/css/study.css")
    page.unroute(SYNC)
    erase(preview, "erased-and-away")
    assert page.goto(invitation).status == 410
    expect(page.get_by_role("heading", name="Your data have been deleted")).to_be_visible()
    inspect(page, "erased-at-the-next-visit")
    until(page, lambda: kept(page) == [])
