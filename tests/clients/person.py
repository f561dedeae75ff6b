# SPDX-License-Identifier: GPL-3.0-or-later
"""PyPI fhirpy against a server: python person.py BASE TAG HOOK"""
import asyncio
import sys

from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

base, tag, hook = sys.argv[1:]
client = SyncFHIRClient(base)

patient = client.resource("Patient", name=[{"family": tag, "given": ["Amal"]}])
patient.save()
assert client.reference("Patient", patient.id).to_resource()["name"][0]["family"] == tag
first = patient["meta"]["versionId"]
patient["active"] = True
patient.save()
assert patient["meta"]["versionId"] != first

for n in range(25):
    client.resource("Observation", status="final", code={"coding": [{"system": "urn:rihla:clients", "code": tag}]},
                    subject=patient.to_reference().serialize() if hasattr(patient.to_reference(), "serialize") else patient.to_reference(),
                    effectiveDateTime=f"2026-01-{n + 1:02}").save()

found = client.resources("Observation").search(code=tag).limit(10)
assert len(found.fetch()) == 10
assert len({o.id for o in found.fetch_all()}) == 25  # through all pages
lenient = SyncFHIRClient(base, extra_headers={"Prefer": "handling=lenient"})  # it counts by a parameter that is not FHIR's
assert lenient.resources("Observation").search(code=tag).count() == 25

chained = client.resources("Observation").search(**{"subject:Patient.name": tag, "date__ge": "2026-01-20"}).sort("-date")
rows = chained.include("Observation", "subject").fetch_raw()
modes = [e["search"]["mode"] for e in rows["entry"]]
assert modes.count("match") == 6 and modes.count("include") == 1, modes
assert rows["entry"][0]["resource"]["effectiveDateTime"] == "2026-01-25"
assert client.resources("Patient").search(name=tag).first().id == patient.id
assert client.resources("Patient").search(_id=patient.id).get()["active"] is True

everything = patient.execute("$everything", method="get")
assert len(everything["entry"]) == 26, len(everything["entry"])

subscription = client.resource("Subscription", status="requested", reason="a client's test",
                               criteria=f"Observation?code={tag}", channel={"type": "rest-hook", "endpoint": hook})
subscription.save()
assert subscription.id
subscription.delete()

try:
    client.resources("Observation").search(wrong="x").fetch()
    raise AssertionError("an unknown parameter was taken")
except OperationOutcome as refused:
    assert "wrong" in str(refused)

observation = chained.first()
observation.delete()
try:
    client.reference("Observation", observation.id).to_resource()
    raise AssertionError("a deleted resource was read")
except ResourceNotFound:
    pass  # fhirpy's name for 404 and 410


async def at_once():
    many = AsyncFHIRClient(base)
    lists = await asyncio.gather(*(many.resources("Observation").search(code=tag).fetch_all() for _ in range(5)))
    assert [len(rows) for rows in lists] == [24] * 5


asyncio.run(at_once())
print("done")
