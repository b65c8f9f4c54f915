"""`study data`: whatever browsers sent can be read in the files, as CSV and as Parquet."""

import json
import sqlite3
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_study import participant

# What a study's own Python makes of records, one database after the other; see `round_trip`.
ROUND_TRIP = r"""
import json, os, re, sys
from pathlib import Path
from pyarrow.parquet import read_table
from study.commands import find_study
from study.export.download import download

CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)')

def read_csv(text):
    # An empty cell is nothing, "" is a text; Python 3.11's csv module does not tell them apart.
    rows, end = [[]], 0
    for cell in CELL.finditer(text):
        assert cell.start() == end, text[end:]
        end = cell.end()
        quoted, bare, separator = cell.groups()
        rows[-1].append(bare or None if quoted is None else quoted.replace('""', '"'))
        if separator != ",":
            rows.append([])
    assert end == len(text) and rows.pop() == []
    return rows

for line in sys.stdin:
    address, out = json.loads(line)
    os.environ["PSITURK_DATABASE_URL"] = address
    participants, _ = find_study(Path.cwd(), local=True)
    report = download(participants, Path(out), b"key", parquet=True)
    told = {"problems": report.problems}
    for name in ("trialdata", "eventdata", "questiondata"):
        path = Path(out, f"{name}.csv")
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = read_csv(file.read())
        columns = read_table(path.with_suffix(".parquet")).to_pydict()
        told[name] = [header, rows, [list(row) for row in zip(*columns.values())]]
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(scope="module")
def round_trip(live, with_parquet, tmp_path_factory):
    """Stores records as psiTurk does, downloads them, and gives what can be read in the files."""
    folder = tmp_path_factory.mktemp("round-trip")
    with subprocess.Popen(
        [with_parquet, "-c", ROUND_TRIP], cwd=live.folder, stdin=-1, stdout=-1, text=True
    ) as process:

        def download(records):
            (folder / "participants.db").unlink(missing_ok=True)
            with sqlite3.connect(folder / "participants.db") as connection:
                connection.execute(
                    "create table assignments (uniqueid, workerid, mode, codeversion, status,"
                    " beginhit, datastring)"
                )
                rows = [
                    (f"{n:03}", f"w{n}", "live", "1", 3, f"2026-11-01 00:00:{n:02}", text)
                    for n, text in enumerate(records)
                ]
                connection.executemany("insert into assignments values (?,?,?,?,?,?,?)", rows)
            connection.close()
            address = f"sqlite:///{folder}/participants.db"
            process.stdin.write(json.dumps([address, str(folder / "out")]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield download
        process.stdin.close()


EVENT = ("eventtype", "interval", "value", "timestamp")
AWKWARD = ("", "null", ",null", "],[", "]\n[", "{", '"', '""', "\\", "\r\n", "=1+1", "1", "true",
           "\0", "\u2028", "NaN")  # fmt: skip
texts = st.sampled_from(AWKWARD) | st.text(st.characters(codec="utf-8"), max_size=6)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
told_trials = st.dictionaries(st.sampled_from(["rt", "word", "participant"]) | texts, values)
records = st.fixed_dictionaries({
    "data": st.lists(st.fixed_dictionaries(
        {"current_trial": values, "dateTime": values, "trialdata": told_trials | values}
    ), max_size=4),
    "eventdata": st.lists(st.fixed_dictionaries(
        dict.fromkeys(EVENT, values)
    ), max_size=2),
    "questiondata": st.dictionaries(texts, values, max_size=3),
})  # fmt: skip


def keys_of(sent):
    """The keys of all trials in order; None stands for trials that are no object."""
    told = [trial["trialdata"] for one in sent for trial in one["data"]]
    return dict.fromkeys(key for t in told for key in (t if isinstance(t, dict) else [None]))


def is_same(cell, value):
    """Whether a cell of a CSV file is what was sent."""
    if cell is None or value is None or isinstance(value, str):
        return cell == value
    read_back = json.loads(cell)
    return read_back == value and type(read_back) is type(value)


def is_same_typed(cell, value):
    """Whether a cell of a Parquet file is what was sent; in a column of texts, its text."""
    if isinstance(cell, str) and not isinstance(value, str):
        return is_same(cell, value)
    return cell == value and isinstance(cell, bool) == isinstance(value, bool)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(records, min_size=1, max_size=3), st.booleans())
def test_what_a_browser_saved_is_what_can_be_read_in_the_files(round_trip, sent, only_ascii):
    told = round_trip([json.dumps(r, ensure_ascii=only_ascii) for r in sent])
    assert told["problems"] == []
    expected = {"trialdata": [], "eventdata": [], "questiondata": []}
    keys = keys_of(sent)
    for one in sent:
        for trial in one["data"]:
            named = trial["trialdata"]
            named = named if isinstance(named, dict) else {None: named}
            row = [trial["current_trial"], trial["dateTime"], *map(named.get, keys)]
            expected["trialdata"].append(row)
        for event in one["eventdata"]:
            expected["eventdata"].append([event[column] for column in EVENT])
        expected["questiondata"] += map(list, one["questiondata"].items())
    for name, wanted in expected.items():
        header, *formats = told[name]
        assert len(set(header)) == len(header) and "" not in header
        for rows, same in zip(formats, (is_same, is_same_typed), strict=True):
            for row, values in zip(rows, wanted, strict=True):
                assert len(row) == 1 + len(values) == len(header)
                assert all(map(same, row[1:], values))


def test_parquet_has_the_types_and_says_what_is_missing(live, with_parquet, tmp_path):
    setting = {"PSITURK_DATABASE_URL": f"sqlite:///{tmp_path}/participants.db"}
    live.fill([participant(1), participant(2)], setting["PSITURK_DATABASE_URL"])
    without = live("data", "--local", "--parquet", **setting)
    assert without.returncode == 1
    assert "uv run --group parquet study data --parquet" in without.stderr
    command = [with_parquet, "-m", "study", "data", "--local", "--parquet", "--out", str(tmp_path)]
    environment = live.machine.environment | setting
    done = subprocess.run(command, cwd=live.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    schema = "import sys; from pyarrow.parquet import read_table; t = read_table(sys.argv[1]); "
    schema += "print(t.num_rows, *(f'{f.name}:{f.type}' for f in t.schema))"

    def described(name):
        path = tmp_path / f"{name}.parquet"
        return subprocess.check_output([with_parquet, "-c", schema, path], text=True).split()

    assert described("trialdata") == [
        "6", "participant:string", "current_trial:int64", "dateTime:int64", "phase:string",
        "word:string", "rt:double", "keys:string",
    ]  # fmt: skip
    people = described("participants")
    assert {"beginhit:timestamp[us]", "cond:int64", "bonus:double"} < set(people)
