"""Downloads as `study data` writes them, and what has become of some since."""

from pathlib import Path

PEOPLE = '"participant","cond","status","mode","beginhit","beginexp","endhit","browser"\r\n'
TRIALS = '"participant","current_trial","phase","condition","congruent","rt","correct"\r\n'
ANSWERS = '"participant","question","answer"\r\n"aa11","age",30\r\n"bb22","age",41\r\n'
DAY = "2026-11-24"


def person(name: str, cond: int = 0, minutes: int = 8, status: int = 3) -> str:
    times = f'"{DAY} 10:00:00","{DAY} 10:01:00","{DAY} 10:{minutes:02}:00"'
    return f'"{name}",{cond},{status},"link",{times},"firefox"\r\n'


def trials(name: str, number: int = 10, rt: float = 500) -> str:
    """Trials of which every second is incongruent and takes 50 ms longer."""
    kinds = (("true", 0), ("false", 50))
    return "".join(
        f'"{name}",{n},"TEST","mixed",{kinds[n % 2][0]},{rt + n + kinds[n % 2][1]},true\r\n'
        for n in range(number)
    )


def write_download(folder: Path, **files: str | bytes | None) -> Path:
    """Write a download of two participants; files given by name replace its own, None takes one
    away."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        "participants": PEOPLE + person("aa11") + person("bb22", 1, 12),
        "trialdata": TRIALS + trials("aa11") + trials("bb22", rt=600),
        "questiondata": ANSWERS,
        "eventdata": '"participant","eventtype","interval","value","timestamp"\r\n',
    }
    for name, content in (whole | files).items():
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (folder / f"{name}.csv").write_bytes(data)
    return folder
