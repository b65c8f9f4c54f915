"""`study report`: seconds, memory and size of the page, by the number of participants.

    uv run python -m tests.bench.study_report

Downloads of 200 and 10,000 participants with 46 trials of 12 columns, and of a million trials.
"""

import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.installation import clean_environment, generated_study
from tests.downloads import PEOPLE, person

TRIALS, SIZES = 46, (200, 10_000, 21_740)
COLUMNS = (
    "participant,current_trial,dateTime,phase,block,condition,trial,"
    "word,colour,congruent,rt,correct"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _, study = generated_study(Path(folder))
        study.compile()
        print("participants      trials   seconds     CPU   peak MB   page kB")
        for number in SIZES:
            data = study.folder / "data"
            write(data, number)
            command = [study.environment / "bin" / "python", "-m", "study", "report"]
            started = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=study.folder, env=clean_environment(), stdout=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
            assert not status, "the report failed"
            figures = (time.perf_counter() - started, used.ru_utime + used.ru_stime)
            size = (data / "report.html").stat().st_size / 1000
            print(f"{number:>12,}{number * TRIALS:>12,}{figures[0]:>10.1f}{figures[1]:>8.1f}"
                  f"{used.ru_maxrss / 1000:>10.0f}{size:>10.0f}")  # fmt: skip


def write(folder: Path, number: int) -> None:
    """Write the participants and trials of a download."""
    folder.mkdir(exist_ok=True)
    chance, names = random.Random(number), [f"{n:016x}" for n in range(number)]
    people = (person(name, n % 2, 5 + n % 50) for n, name in enumerate(names))
    (folder / "participants.csv").write_text(PEOPLE + "".join(people))
    with open(folder / "trialdata.csv", "w") as file:
        file.write(COLUMNS + "\n")
        for n, name in enumerate(names):
            for trial in range(TRIALS):
                rt, kind = chance.lognormvariate(6.4, 0.3), ("true", "false")[trial % 2]
                file.write(
                    f'"{name}",{trial},{1764000000000 + 2000 * trial},"TEST",{trial // 23},'
                    f'"condition {n % 2}",{trial % 23},"red","blue",{kind},{rt:.2f},true\n'
                )


if __name__ == "__main__":
    main()
