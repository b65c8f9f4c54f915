"""`study up` for a study that is not installed yet: ``python -m study.heroku``."""

import argparse
import sys

from study.commands.up import run_up
from study.errors import StudyError


def main() -> None:
    """Parse the options of `study up`, and run it."""
    parser = argparse.ArgumentParser(description="Make this study's app on Heroku.")
    parser.add_argument("--dry-run", action="store_true", help="print the commands only")
    parser.add_argument("--yes", action="store_true", help="agree to the price")
    parser.add_argument("--json", action="store_true", help="print the state as JSON")
    options = parser.parse_args()
    try:
        sys.exit(not run_up(options.dry_run, options.yes, options.json))
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
