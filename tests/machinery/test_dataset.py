"""What others get: a dataset (`study data --psych-ds`) and an archive (`study archive`)."""

import hashlib
import json
import re
import subprocess
import zipfile

import pytest
from lab import STUDY, person
from participant import Participant
from psych_ds import find_breaches
from server import Server, free_port

IDS = ("worker0", "assignment0", STUDY, "192.0.2.7")


@pytest.fixture
def dataset(lab):
    """A function that writes the dataset of three participants, and returns its folder."""
    lab.fill(*(person(number, 3) for number in range(3)))

    def write(**changes: str):
        about = lab.folder / "dataset.toml"
        text = about.read_text(encoding="utf-8")
        for name, value in changes.items():
            text, found = re.subn(rf"(?m)^{name} = .*", f"{name} = {value}", text)
            assert found == 1, name
        about.write_text(text, encoding="utf-8")
        write.done = lab("data", "--psych-ds")
        assert write.done.returncode == 0, write.done.stderr
        return lab.folder / "data" / "psych-ds"

    return write


def describe(folder) -> dict:
    return json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))


def test_a_dataset_keeps_the_rules_of_psych_ds_and_has_nobodys_ids(dataset):
    folder = dataset()
    assert list(find_breaches(folder)) == []
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.name for path in folder.rglob("*.csv")) == [
        f"study-StroopTask_description-{each}_data.csv"
        for each in ("answers", "events", "flags", "participants", "trials")
    ]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not [each for each in IDS if each in text], path.name
        assert path.stat().st_mode & 0o077 == 0, path.name  # until the researcher shares it


def test_columns_have_the_descriptions_of_the_codebook_and_the_researchers_own(dataset, lab):
    (lab.folder / "dataset.toml").write_text(
        '[columns]\nphase = "when"\nrt = {meaning = "how long", unit = "ms"}\n'
    )
    lab.fill(person(7, datastring=json.dumps({"data": [
        {"current_trial": 0, "dateTime": 0, "trialdata": {"rt": 1, "strange": 2, "status": 3}}
    ]})))  # fmt: skip
    variables = {each["name"]: each for each in describe(dataset())["variableMeasured"]}
    assert variables["phase"]["description"] == "when"
    assert (variables["rt"]["description"], variables["rt"]["unitText"]) == ("how long (ms)", "ms")
    assert variables["codeversion"]["description"].startswith("experiment_code_version")
    assert {"0", "1"} == {each["termCode"] for each in variables["cond"]["valueReference"]}
    assert "description" not in variables["strange"]
    assert "these columns mean: correct, strange." in dataset.done.stdout
    assert "| `rt` | how long (ms) |" in (lab.folder / "data" / "codebook.md").read_text()


def test_licence_and_authors_are_the_researchers_choice_and_never_made_up(dataset, lab):
    folder = dataset()
    assert not describe(folder).keys() & {"license", "author", "citation"}
    assert "No licence was chosen" in (folder / "LICENSE.md").read_text()
    assert "no licence, so" in dataset.done.stdout and "names no authors" in dataset.done.stdout
    about = lab.folder / "dataset.toml"
    about.write_text(about.read_text().replace("# [[authors]]\n# name", "[[authors]]\nname"))
    found = describe(dataset(licence='"CC-BY-4.0"', citation='"10.1000/1"'))
    assert found["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert found["author"] == [{"@type": "Person", "name": "Ada Lovelace"}]
    assert "CC-BY-4.0" in (folder / "LICENSE.md").read_text()
    told = dataset.done.stdout
    assert "no licence, so" not in told and "names no authors" not in told


def test_a_dataset_that_is_written_again_keeps_its_history_and_what_is_not_its_own(dataset, lab):
    folder = dataset()
    (folder / "analysis").mkdir()
    (folder / "analysis" / "model.R").write_text("mine")
    lab.fill(person(8))
    for _ in range(2):
        title = lab.folder / "config.txt"
        title.write_text(title.read_text().replace("title = Stroop Task", "title = Größe & Co"))
        dataset()
    assert list(find_breaches(folder)) == []
    assert {path.name.partition("_")[0] for path in folder.rglob("*.csv")} == {"study-GreCo"}
    lines = (folder / "CHANGES.md").read_text().splitlines()[2:]
    assert [line.partition(" participants")[0] for line in lines] == ["- 4", "- 3"]
    assert (folder / "analysis" / "model.R").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("keywords = []\nlicence = MIT", "line 2"),
        ("licence = 4", "Expected `str`, got `int` - at `$.licence`"),
        ('license = "MIT"', "unknown field `license`"),
        ('licence = "free for all"', "'free for all' is not the name of a licence"),
        ('[[authors]]\nname = "A"\norcid = "1"', "'1' is not an ORCID iD"),
        ("[columns.rt]\nunit = 'ms'", "missing required field `meaning` - at `$.columns[...]`"),
    ],
)  # fmt: skip
def test_a_mistake_in_dataset_toml_is_told_with_its_place(lab, text, cause):
    (lab.folder / "dataset.toml").write_text(text)
    refused = lab("data")
    assert refused.returncode == 1
    assert cause in refused.stderr and "dataset.toml" in refused.stderr
    assert not (lab.folder / "data" / "participants.csv").exists()


@pytest.fixture
def committed(lab):
    """The lab with its repository."""
    git(lab, "init", "-q", "-b", "main")
    git(lab, "add", "--all")
    git(lab, "commit", "-qm", "Start")
    return lab


def git(lab, *command: str) -> str:
    author = ("-c", "user.name=Tests", "-c", "user.email=tests@example.edu")
    command = ("git", *author, *command)
    return subprocess.run(
        command, cwd=lab.folder, check=True, capture_output=True, text=True
    ).stdout


def archive(lab, *options: str):
    done = lab("archive", *options)
    return done.returncode, done.stdout + done.stderr


def test_what_others_must_not_have_and_what_is_not_committed_is_not_archived(committed):
    (committed.folder / "notes.md").write_text("postgres://me:correct-horse@db.example.edu/x")
    code, told = archive(committed)
    assert code == 1 and "differ from the commit: notes.md. Nothing was written." in told
    git(committed, "add", "--all")
    git(committed, "commit", "-qm", "Notes")
    code, told = archive(committed)
    assert code == 1 and "A password or key is in git: a database's password in notes.md" in told
    git(committed, "rm", "-q", "notes.md", "uv.lock")
    git(committed, "commit", "-qm", "Less")
    code, told = archive(committed)
    assert code == 1 and "uv.lock is not committed" in told
    assert not list(committed.folder.rglob("*.zip"))


def test_a_study_without_participants_is_archived_without_data(committed):
    committed.database.unlink()
    code, told = archive(committed, "--out", "early.zip")
    assert code == 0 and "without data: nobody has opened the study yet" in told
    with zipfile.ZipFile(committed.folder / "early.zip") as packed:
        assert not [name for name in packed.namelist() if name.startswith("early/data/")]


def test_an_archived_study_runs_again_on_another_machine(committed, tmp_path, monkeypatch):
    """Twice made, it is the same file; it holds nobody's id; and somebody takes part in it."""
    committed.fill(*(person(number) for number in range(3)))
    monkeypatch.setenv("PSITURK_SECRET_KEY", "do-not-tell")
    code, told = archive(committed)
    head = git(committed, "rev-parse", "HEAD").strip()
    assert code == 0 and f"Commit {head[:8]}, and 3 participants without their ids." in told
    assert "- unknown: 3 records" in told  # of rows that no server has made
    [made] = (committed.folder / "data").glob("*.zip")
    first = made.read_bytes()
    assert archive(committed)[0] == 0 and made.read_bytes() == first

    home = tmp_path / "another"
    with zipfile.ZipFile(made) as packed:
        packed.extractall(home)
    folder = home / made.stem
    assert list(find_breaches(folder / "data")) == []
    hashes = dict(line.split("  ")[::-1] for line in read_lines(folder / "SHA256SUMS"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).as_posix() for path in files} - hashes.keys() == {"SHA256SUMS"}
    for name, digest in hashes.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert not [each for each in (*IDS, "do-not-tell") if each.encode() in content], name

    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert head in readme
    monkeypatch.undo()
    [(place, command)] = re.findall(r"```\ncd (\w+)\n(uv run .*)\n```", readme)
    port, clean = free_port(), {"HOME": str(home), "UV_OFFLINE": "1", "XDG_CONFIG_HOME": str(home)}
    database = f"sqlite:///{home}/participants.db"
    settings = clean | {"PSITURK_PORT": str(port), "PSITURK_DATABASE_URL": database}
    with Server(folder / place, *command.split(), port=port, **settings) as server:
        server.wait(180)
        person_there = Participant(server.address, mode="prolific")
        person_there.take_part(trials=40)
        assert person_there.status() == 4


def read_lines(path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
