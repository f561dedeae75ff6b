// SPDX-License-Identifier: GPL-3.0-or-later
// main.tsx - the frame of every page, and which page an address means.
//
//   #/            find a person           #/?q=WORDS    the same, with the words searched for
//   #/Patient/ID  one person's record
//
// Registration, forms and assessment (desk.ts) are loaded when they are first gone to:
//   #/register   #/Patient/ID/forms   #/Patient/ID/form   #/Patient/ID/form/RESPONSE
//   #/Patient/ID/assess
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import type * as Desk from "./desk";
import { Find } from "./find";
import { notice } from "./parts";
import { RecordPage } from "./record";
import "./style.css";
import "./find.css";
import "./record.css";
import "./form.css";
import "./print.css";
import { language, languages, setLanguage, t } from "./text";

type Page =
    | { at: "find"; words: string }
    | { at: "record"; id: string }
    | { at: "register"; name: string }
    | { at: "forms"; id: string }
    | { at: "form"; id: string; response: string | undefined; canonical: string; back: string }
    | { at: "assess"; id: string; protocols: string[]; date: string }
    | { at: "nowhere" };

const PERSON =
    /^\/Patient\/([A-Za-z0-9\-.]{1,64})(?:\/(forms|form|assess))?(?:\/([A-Za-z0-9\-.]{1,64}))?$/;

function pageOf(hash: string): Page {
    const [path = "", ...queries] = hash.replace(/^#/, "").split("?");
    const query = new URLSearchParams(queries.join("?"));
    if (path === "" || path === "/") return { at: "find", words: query.get("q") ?? "" };
    if (path === "/register") return { at: "register", name: query.get("name") ?? "" };
    const [, id, what, response] = PERSON.exec(path) ?? [];
    if (!id || (response && what !== "form")) return { at: "nowhere" };
    switch (what) {
        case undefined:
            return { at: "record", id };
        case "forms":
            return { at: "forms", id };
        case "assess":
            return {
                at: "assess",
                id,
                protocols: query.getAll("p"),
                date: query.get("d") ?? "",
            };
        default: {
            const back = query.get("back") ?? "";
            return {
                at: "form",
                id,
                response,
                canonical: query.get("q") ?? "",
                back: back.startsWith("#/") ? back : "",
            };
        }
    }
}

const page = signal<Page>(pageOf(location.hash));
let said = "";
addEventListener("hashchange", () => {
    // A notice stays for the one page that it was written for.
    if (notice.value === said) notice.value = "";
    said = notice.value;
    page.value = pageOf(location.hash);
    scrollTo(0, 0);
});

const desk = signal<typeof Desk | "loading" | "failed">("loading");
let asked = false;

function wantDesk(): void {
    if (asked) return;
    asked = true;
    desk.value = "loading";
    import("./desk").then(
        (loaded) => (desk.value = loaded),
        () => {
            asked = false;
            desk.value = "failed";
        },
    );
    keepPages();
}

/** From now on these pages open without the network, too. */
function keepPages(): void {
    // Not there over plain http from another machine: then a page that is closed needs the server.
    navigator.serviceWorker?.register("sw.js").catch(() => {});
}

/** Outside of the components, so that the words and their direction change in one step. */
effect(() => {
    const chosen = languages.find((one) => one.code === language.value);
    document.documentElement.lang = language.value;
    document.documentElement.dir = chosen?.dir ?? "ltr";
});

/** "/" goes to the search from anywhere, as long as nothing is being typed. */
addEventListener("keydown", (event) => {
    const typing =
        event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (page.value.at === "find") document.querySelector<HTMLInputElement>("#find")?.focus();
    else location.hash = "#/";
});

function Nowhere() {
    useEffect(() => {
        document.title = "Rihla";
    }, []);
    return (
        <main>
            <h1>{t("There is no such page")}</h1>
            <p>
                <a href="#/">{t("Find a person")}</a>
            </p>
        </main>
    );
}

function DeskPage({ at }: { at: Page }) {
    const d = desk.value;
    useEffect(wantDesk, []);
    if (d === "loading")
        return (
            <main>
                <p class="loading" role="status">
                    {t("Loading…")}
                </p>
            </main>
        );
    if (d === "failed")
        return (
            <main>
                <p class="trouble" role="alert">
                    {t("This page could not be loaded. Is there a newer version? Load it again.")}{" "}
                    <button type="button" onClick={() => location.reload()}>
                        {t("Try again")}
                    </button>
                </p>
            </main>
        );
    switch (at.at) {
        case "register":
            return <d.Register name={at.name} />;
        case "forms":
            return <d.FormsPage key={at.id} patient={at.id} />;
        case "form":
            return (
                <d.FormPage
                    key={`${at.id} ${at.response ?? at.canonical}`}
                    patient={at.id}
                    response={at.response}
                    canonical={at.canonical}
                    back={at.back}
                />
            );
        case "assess":
            return (
                <d.AssessPage key={at.id} patient={at.id} protocols={at.protocols} date={at.date} />
            );
        default:
            return <Nowhere />;
    }
}

function App() {
    const at = page.value;
    return (
        <>
            <header class="top">
                <a class="brand" href="#/">
                    <span lang="en">Rihla</span>{" "}
                    <span lang="ar" dir="rtl">
                        رحلة
                    </span>
                </a>
                <nav aria-label={t("Main")}>
                    <a href="#/">{t("Find a person")}</a>
                    <a href="#/register">{t("Register a person")}</a>
                    <span class="languages">
                        {languages
                            .filter((one) => one.code !== language.value)
                            .map((one) => (
                                <button
                                    type="button"
                                    lang={one.code}
                                    dir={one.dir}
                                    onClick={() => setLanguage(one.code)}
                                >
                                    {one.name}
                                </button>
                            ))}
                    </span>
                </nav>
            </header>
            <p class="synthetic" role="note">
                {t("Synthetic data – not for real patients")}
            </p>
            {notice.value && (
                <p class="notice" role="status">
                    <span aria-hidden="true">✓ </span>
                    {notice.value}
                </p>
            )}
            {at.at === "find" && <Find page={at} />}
            {at.at === "record" && <RecordPage key={at.id} id={at.id} />}
            {at.at === "nowhere" && <Nowhere />}
            {["register", "forms", "form", "assess"].includes(at.at) && <DeskPage at={at} />}
        </>
    );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
