// SPDX-License-Identifier: GPL-3.0-or-later
// npm fhirclient (SMART on FHIR's own) against a server without login: node smart.mjs BASE TAG HOOK
import assert from "node:assert/strict";
import smart from "fhirclient";

const [base, tag, hook] = process.argv.slice(2);
const client = new smart.FhirClient(base);
const refused = async (promise, status) => {
  const error = await promise.then(() => null, (e) => e);
  assert.equal(error?.statusCode ?? error?.status ?? error?.response?.status, status, String(error));
};

assert.equal(await client.getFhirRelease(), 4);
const patient = await client.create({ resourceType: "Patient", name: [{ family: tag }] });
assert.equal((await client.request?.(`Patient/${patient.id}`) ?? (await client.fhirRequest(`Patient/${patient.id}`))).id, patient.id);
const changed = await client.update({ ...patient, active: true }, {
  headers: { "If-Match": `W/"${patient.meta.versionId}"` },
});
assert.notEqual(changed.meta.versionId, patient.meta.versionId);
await refused(client.update(patient, { headers: { "If-Match": `W/"${patient.meta.versionId}"` } }), 412);
const patched = await client.patch(`Patient/${patient.id}`, [{ op: "replace", path: "/active", value: false }]);
assert.equal(patched.active, false);

for (let n = 0; n < 25; n++)
  await client.create({
    resourceType: "Observation",
    status: "final",
    code: { coding: [{ system: "urn:rihla:clients", code: tag }] },
    subject: { reference: `Patient/${patient.id}` },
    effectiveDateTime: `2026-01-${String(n + 1).padStart(2, "0")}`,
  });
const seen = new Set();
let pages = 0;
for await (const page of client.pages(`Observation?code=${tag}&_count=10`)) {
  pages++;
  for (const entry of page.entry ?? []) seen.add(entry.resource.id);
}
assert.equal(pages, 3);
assert.equal(seen.size, 25);

const rows = [];
for await (const resource of client.resources(`Observation?subject:Patient.name=${tag}&date=ge2026-01-20&_include=Observation:subject`))
  rows.push(resource.resourceType);
assert.equal(rows.filter((t) => t === "Observation").length, 6);
assert.equal(rows.filter((t) => t === "Patient").length, 1);

const one = await client.fhirRequest(`Observation/${[...seen][0]}`);
await client.resolveReferences(one, ["subject"]);
assert.equal(one.subject.id, patient.id);

const subscription = await client.create({
  resourceType: "Subscription",
  status: "requested",
  reason: "a client's test",
  criteria: `Observation?code=${tag}`,
  channel: { type: "rest-hook", endpoint: hook },
});
assert.ok(subscription.id);
await client.delete(`Subscription/${subscription.id}`);

await client.delete(`Observation/${[...seen][0]}`);
await refused(client.fhirRequest(`Observation/${[...seen][0]}`), 410);
console.log("done");
