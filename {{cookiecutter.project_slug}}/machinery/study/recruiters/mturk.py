"""MTurk: psiTurk's own shell makes HITs, and workers take part from inside MTurk's page."""

from collections.abc import Callable, Iterator, Mapping

from study.recruiters import Recruiter


class MTurk(Recruiter):
    """Its participants come with psiTurk's own ids, from HITs or from the sandbox."""

    name, label = "mturk", "MTurk"
    modes = {"live": "sent by MTurk", "sandbox": "MTurk's sandbox, not participants"}
    person_id = "your worker ID"
    makes_hits, entry = True, ""  # psiTurk writes the link
    frame_origin = "https://*.mturk.com"
    form = """\
For MTurk, make a HIT, here 9 workers at 0.50 USD, with 1.5 hours to finish:
  DATABASE_URL="$(heroku config:get DATABASE_URL --app {app})" uv run psiturk
  hit create 9 0.50 1.5
The shell begins in the sandbox, where nothing costs money; `mode live` leaves it. Workers who
finish get the button that submits the HIT."""
    withdraw = "return the HIT"
    bonus_columns = {"WorkerId": "worker", "AssignmentId": "assignment", "Amount": "amount"}
    bonus_unit = "uniqueid"
    to_pay = """\
To pay: psiTurk's own column `bonus` now holds these amounts. In its shell, after approving:
  DATABASE_URL="$(heroku config:get DATABASE_URL --app {app})" uv run psiturk
  mode live
  worker bonus --auto --all --reason "Thank you for your good work"
It pays those who are approved and have no bonus yet."""

    def has_wrong_mode(self, args: Mapping[str, str]) -> bool:
        """Compare the mode with the page that MTurk names for submitting the HIT."""
        submit_to = args.get("turkSubmitTo", "")
        return bool(submit_to) and ("sandbox" in submit_to) != (args.get("mode") == "sandbox")

    def submit_address(self, mode: str) -> str:
        host = "workersandbox" if mode == "sandbox" else "www"
        return f"https://{host}.mturk.com/mturk/externalSubmit"

    def check(self, setting: Callable[[str, str], str], address: str) -> Iterator[tuple[str, str]]:
        if setting("Shell Parameters", "launch_in_mode") == "live":
            yield "green", "MTurk, live: HITs are real and cost money"
        else:
            sandbox = "MTurk, sandbox: no worker sees the HITs. For real: launch_in_mode = live"
            yield "yellow", sandbox
        for name in ("ad_url", "ad_url_route"):
            # psiTurk appends ?mode=live or ?mode=sandbox (psiturk/amt_services_wrapper.py).
            if "?" in setting("HIT Configuration", name):
                query = f"remove the ? and what follows from {name}"
                yield "red", f"psiTurk adds the mode itself: {query}"
