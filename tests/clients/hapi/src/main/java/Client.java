// SPDX-License-Identifier: GPL-3.0-or-later
// The generic client of HAPI FHIR against a server: BASE TAG HOOK

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.SummaryEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.gclient.TokenClientParam;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.PreconditionFailedException;
import ca.uhn.fhir.rest.server.exceptions.ResourceGoneException;
import java.util.HashSet;
import java.util.Set;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.DateTimeType;
import org.hl7.fhir.r4.model.Observation;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.Subscription;

public class Client {
    static void check(boolean right, String what) {
        if (!right) throw new AssertionError(what);
    }

    public static void main(String[] args) {
        String base = args[0], tag = args[1], hook = args[2];
        FhirContext context = FhirContext.forR4();
        context.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.ONCE);
        context.getRestfulClientFactory().setSocketTimeout(60000);
        IGenericClient client = context.newRestfulGenericClient(base);

        CapabilityStatement statement = client.capabilities().ofType(CapabilityStatement.class).execute();
        check(statement.getFhirVersion().toCode().equals("4.0.1"), "version");
        check(statement.getRestFirstRep().getResource().size() == 146, "types");

        Patient patient = new Patient();
        patient.addName().setFamily(tag).addGiven("Amal");
        MethodOutcome made = client.create().resource(patient).execute();
        String id = made.getId().getIdPart(), version = made.getId().getVersionIdPart();
        check(made.getCreated() && version != null, "created");
        patient = client.read().resource(Patient.class).withId(id).execute();
        check(patient.getNameFirstRep().getFamily().equals(tag), "read");

        patient.setActive(true); // its id has the version: HAPI sends If-Match
        MethodOutcome changed = client.update().resource(patient).execute();
        check(!changed.getId().getVersionIdPart().equals(version), "a new version");
        try {
            client.update().resource(patient).withId("Patient/" + id + "/_history/" + version).execute();
            check(false, "an old version was replaced");
        } catch (PreconditionFailedException expected) {
            // 412
        }
        Patient old = client.read().resource(Patient.class).withIdAndVersion(id, version).execute();
        check(!old.hasActive(), "vread");

        for (int n = 1; n <= 25; n++) {
            Observation o = new Observation();
            o.setStatus(Observation.ObservationStatus.FINAL)
                .setCode(new CodeableConcept().addCoding(new Coding("urn:rihla:clients", tag, null)))
                .setSubject(new Reference("Patient/" + id))
                .setEffective(new DateTimeType(String.format("2026-01-%02d", n)));
            client.create().resource(o).execute();
        }
        Set<String> seen = new HashSet<>();
        int pages = 0;
        Bundle page = client.search().forResource(Observation.class)
            .where(new TokenClientParam("code").exactly().systemAndCode("urn:rihla:clients", tag))
            .count(10).returnBundle(Bundle.class).execute();
        while (page != null) {
            pages++;
            page.getEntry().forEach(e -> seen.add(e.getResource().getIdElement().getIdPart()));
            page = page.getLink(Bundle.LINK_NEXT) == null ? null : client.loadPage().next(page).execute();
        }
        check(pages == 3 && seen.size() == 25, "pages " + pages + " of " + seen.size());

        Bundle chained = client.search().forResource(Observation.class)
            .where(Observation.SUBJECT.hasChainedProperty("Patient", Patient.NAME.matches().value(tag)))
            .and(Observation.DATE.afterOrEquals().day("2026-01-20"))
            .include(Observation.INCLUDE_SUBJECT).sort().descending(Observation.DATE)
            .returnBundle(Bundle.class).execute();
        long matches = chained.getEntry().stream().filter(e -> e.getSearch().getMode() == Bundle.SearchEntryMode.MATCH).count();
        check(matches == 6 && chained.getEntry().size() == 7, "chained " + matches + " of " + chained.getEntry().size());
        Observation newest = (Observation) chained.getEntryFirstRep().getResource();
        check(newest.getEffectiveDateTimeType().getValueAsString().equals("2026-01-25"), "sorted");

        Bundle count = client.search().forResource(Observation.class).where(Observation.CODE.exactly().code(tag))
            .summaryMode(SummaryEnum.COUNT).returnBundle(Bundle.class).usingStyle(ca.uhn.fhir.rest.api.SearchStyleEnum.POST).execute();
        check(count.getTotal() == 25, "count by POST");

        Bundle everything = client.operation().onInstance("Patient/" + id).named("$everything")
            .withNoParameters(Parameters.class).returnResourceType(Bundle.class).execute();
        check(everything.getEntry().size() == 26 && everything.getTotal() == 26, "everything");

        client.meta().add().onResource(patient.getIdElement().toUnqualifiedVersionless())
            .meta(new org.hl7.fhir.r4.model.Meta().addTag("urn:rihla:clients", "seen", null)).execute();
        check(client.meta().get(org.hl7.fhir.r4.model.Meta.class).fromResource(patient.getIdElement().toUnqualifiedVersionless())
            .execute().getTag("urn:rihla:clients", "seen") != null, "meta");

        Bundle history = client.history().onInstance("Patient/" + id).returnBundle(Bundle.class).execute();
        check(history.getTotal() == 3, "history");

        Subscription subscription = new Subscription();
        subscription.setStatus(Subscription.SubscriptionStatus.REQUESTED).setReason("a client's test")
            .setCriteria("Observation?code=" + tag);
        subscription.getChannel().setType(Subscription.SubscriptionChannelType.RESTHOOK).setEndpoint(hook);
        String subscribed = client.create().resource(subscription).execute().getId().getIdPart();
        client.delete().resourceById("Subscription", subscribed).execute();

        try {
            client.search().byUrl("Observation?wrong=x").returnBundle(Bundle.class).execute();
            check(false, "an unknown parameter was taken");
        } catch (InvalidRequestException refused) {
            check(refused.getMessage().contains("wrong"), refused.getMessage());
        }
        String first = seen.iterator().next();
        client.delete().resourceById("Observation", first).execute();
        try {
            client.read().resource(Observation.class).withId(first).execute();
            check(false, "a deleted resource was read");
        } catch (ResourceGoneException expected) {
            // 410
        }
        System.out.println("done");
    }
}
