// SPDX-License-Identifier: GPL-3.0-or-later
// npm fhir-kit-client against a server: node kit.mjs BASE TAG HOOK
import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";

const [base, tag, hook] = process.argv.slice(2);
const kit = new Client({ baseUrl: base });
const refused = async (promise, status) => {
  const error = await promise.then(() => null, (e) => e);
  assert.ok(error, `a refusal with ${status} was expected`);
  assert.equal(error.response?.status ?? error.status ?? error.config?.status, status, String(error));
};

const statement = await kit.capabilityStatement();
assert.equal(statement.fhirVersion, "4.0.1");

const patient = await kit.create({
  resourceType: "Patient",
  body: { resourceType: "Patient", name: [{ family: tag, given: ["Amal"] }] },
});
assert.equal((await kit.read({ resourceType: "Patient", id: patient.id })).name[0].family, tag);

const changed = await kit.update({
  resourceType: "Patient",
  id: patient.id,
  body: { ...patient, active: true },
  options: { headers: { "If-Match": `W/"${patient.meta.versionId}"` } },
});
assert.notEqual(changed.meta.versionId, patient.meta.versionId);
await refused(
  kit.update({
    resourceType: "Patient",
    id: patient.id,
    body: patient,
    options: { headers: { "If-Match": `W/"${patient.meta.versionId}"` } },
  }),
  412,
);
const old = await kit.vread({ resourceType: "Patient", id: patient.id, version: patient.meta.versionId });
assert.equal(old.active, undefined);

for (let n = 0; n < 25; n++)
  await kit.create({
    resourceType: "Observation",
    body: {
      resourceType: "Observation",
      status: "final",
      code: { coding: [{ system: "urn:rihla:clients", code: tag }] },
      subject: { reference: `Patient/${patient.id}` },
      effectiveDateTime: `2026-01-${String(n + 1).padStart(2, "0")}`,
    },
  });
const seen = new Set();
let pages = 0;
let page = await kit.search({ resourceType: "Observation", searchParams: { code: tag, _count: 10 } });
while (page) {
  pages++;
  for (const entry of page.entry ?? []) seen.add(entry.resource.id);
  page = await kit.nextPage({ bundle: page });
}
assert.equal(pages, 3);
assert.equal(seen.size, 25);

const chained = await kit.search({
  resourceType: "Observation",
  searchParams: { "subject:Patient.name": tag, date: "ge2026-01-20", _include: "Observation:subject", _sort: "-date" },
});
const modes = chained.entry.map((e) => `${e.search.mode} ${e.resource.resourceType}`);
assert.equal(modes.filter((m) => m === "match Observation").length, 6);
assert.deepEqual(modes.filter((m) => m.startsWith("include")), ["include Patient"]);
assert.equal(chained.entry[0].resource.effectiveDateTime, "2026-01-25");

const inside = await kit.compartmentSearch({
  resourceType: "Observation",
  compartment: { resourceType: "Patient", id: patient.id },
  searchParams: { _summary: "count" },
});
assert.equal(inside.total, 25);

const everything = await kit.operation({ resourceType: "Patient", id: patient.id, name: "$everything", method: "GET" });
assert.equal(everything.entry.length, 26);

const history = await kit.history({ resourceType: "Patient", id: patient.id });
assert.equal(history.total, 2);

const subscription = await kit.create({
  resourceType: "Subscription",
  body: {
    resourceType: "Subscription",
    status: "requested",
    reason: "a client's test",
    criteria: `Observation?code=${tag}`,
    channel: { type: "rest-hook", endpoint: hook },
  },
});
assert.ok(subscription.id);
await kit.delete({ resourceType: "Subscription", id: subscription.id });

await kit.delete({ resourceType: "Observation", id: [...seen][0] });
await refused(kit.read({ resourceType: "Observation", id: [...seen][0] }), 410);
console.log("done");
