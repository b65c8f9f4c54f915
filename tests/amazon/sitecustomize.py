"""Amazon MTurk for tests, inside botocore: a folder for PYTHONPATH.

Python runs a module of this name at every start. It changes the one method with which
botocore sends a request; psiTurk, boto3, signing and parsing stay real, and nothing reaches
the network. Each call is a line of JSON in the file that AMAZON_CALLS names, and that file is
also the double's memory: the HITs are those it was asked to create. With AMAZON_REFUSES it answers
each call as it answers keys that are not valid.
"""

import json
import os
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path


class Intercept:
    """Changes botocore when it is imported, which must not happen before gevent's patches."""

    @staticmethod
    def find_spec(name, path, target=None):
        if name != "botocore.httpsession":
            return None
        spec = PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            module.URLLib3Session.send = send

        spec.loader.exec_module = load_and_change
        return spec


class Body:
    """What botocore reads an answer's content from."""

    def __init__(self, content: bytes):
        self.content = content

    def stream(self):
        yield self.content


def send(_session, request):
    """Answer a request that botocore has prepared and signed."""
    from botocore.awsrequest import AWSResponse

    operation = request.headers["X-Amz-Target"]
    operation = (operation.decode() if isinstance(operation, bytes) else operation).split(".")[-1]
    arguments = json.loads(request.body)
    with calls_file().open("a") as file:
        call = {"operation": operation, "arguments": arguments, "host": request.url.split("/")[2]}
        file.write(json.dumps(call) + "\n")
    refuses = "AMAZON_REFUSES" in os.environ
    status, answer = 200, None if refuses else answer_to(operation, arguments)
    if answer is None:
        status, answer = 400, {"__type": "RequestError", "Message": f"{operation} is refused"}
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return AWSResponse(request.url, status, headers, Body(json.dumps(answer).encode()))


def answer_to(operation: str, arguments: dict) -> dict | None:
    """The answer in MTurk's own form; None if the double does not know the operation."""
    match operation:
        case "GetAccountBalance":
            return {"AvailableBalance": "10000.00"}
        case "CreateHITType":
            return {"HITTypeId": f"TYPE{len(arguments_of('CreateHITType'))}"}
        case "CreateHITWithHITType":
            return {"HIT": hits()[-1]}
        case "ListHITs":
            return {"NumResults": len(hits()), "HITs": hits()}
        case "GetHIT":
            return {"HIT": next(hit for hit in hits() if hit["HITId"] == arguments["HITId"])}
        case "ListAssignmentsForHIT":
            assignments = [assignment_of(arguments["HITId"])]
            return {"NumResults": len(assignments), "Assignments": assignments}
        case "ApproveAssignment" | "RejectAssignment" | "SendBonus":
            return {}
        case "UpdateExpirationForHIT" | "DeleteHIT" | "CreateAdditionalAssignmentsForHIT":
            return {}
    return None


def hits() -> list[dict]:
    """The HITs created so far, as MTurk describes them."""
    types = arguments_of("CreateHITType")
    described = []
    for number, asked in enumerate(arguments_of("CreateHITWithHITType"), start=1):
        kind = types[int(asked["HITTypeId"].removeprefix("TYPE")) - 1]
        described.append(
            {
                "HITId": f"HIT{number}",
                "HITTypeId": asked["HITTypeId"],
                "Title": kind["Title"],
                "Description": kind["Description"],
                "Reward": kind["Reward"],
                "AssignmentDurationInSeconds": kind["AssignmentDurationInSeconds"],
                "HITStatus": "Assignable",
                "MaxAssignments": asked["MaxAssignments"],
                "NumberOfAssignmentsPending": 0,
                "NumberOfAssignmentsAvailable": asked["MaxAssignments"],
                "NumberOfAssignmentsCompleted": 0,
                "CreationTime": time.time(),
                "Expiration": time.time() + asked["LifetimeInSeconds"],
            }
        )
    return described


def assignment_of(hit_id: str) -> dict:
    """Every HIT has one submitted assignment."""
    return {
        "HITId": hit_id,
        "AssignmentId": f"ASSIGNMENT-{hit_id}",
        "WorkerId": "WORKER-OF-AMAZON",
        "AssignmentStatus": "Submitted",
        "AcceptTime": time.time() - 600,
        "SubmitTime": time.time() - 60,
    }


def arguments_of(operation: str) -> list[dict]:
    """What all calls of one operation asked for, in their order."""
    calls = map(json.loads, calls_file().read_text().splitlines())
    return [call["arguments"] for call in calls if call["operation"] == operation]


def calls_file() -> Path:
    return Path(os.environ["AMAZON_CALLS"])


if "botocore.httpsession" in sys.modules:  # in a fork (tests/forks.py)
    sys.modules["botocore.httpsession"].URLLib3Session.send = send
else:
    sys.meta_path.insert(0, Intercept)
