"""Before the questions: are the programs here that a study is made with?"""

import shutil
import sys

HOW_TO_GET = {
    "git": "https://git-scm.com/downloads (it keeps the study's history)",
    "uv": "https://docs.astral.sh/uv/getting-started/installation/ (it installs the study)",
}


def main() -> None:
    """Say how to get what is missing. The study's files can be made without either."""
    for program, source in HOW_TO_GET.items():
        if not shutil.which(program):
            print(f"Note: {program} is not installed. Get it from {source}", file=sys.stderr)


main()
