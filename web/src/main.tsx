// SPDX-License-Identifier: GPL-3.0-or-later
// main.tsx - the frame of every page, and which page an address means.
//
//   #/            find a person           #/?q=WORDS    the same, with the words searched for
//   #/Patient/ID  one person's record
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { Find } from "./find";
import { RecordPage } from "./record";
import "./style.css";
import "./find.css";
import "./record.css";
import "./print.css";
import { language, languages, setLanguage, t } from "./text";

type Page = { at: "find"; words: string } | { at: "record"; id: string } | { at: "nowhere" };

function pageOf(hash: string): Page {
    const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
    if (path === "" || path === "/")
        return { at: "find", words: new URLSearchParams(query).get("q") ?? "" };
    const id = /^\/Patient\/([A-Za-z0-9\-.]{1,64})$/.exec(path)?.[1];
    return id ? { at: "record", id } : { at: "nowhere" };
}

const page = signal<Page>(pageOf(location.hash));
addEventListener("hashchange", () => {
    page.value = pageOf(location.hash);
    scrollTo(0, 0);
});

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
                </nav>
            </header>
            <p class="synthetic" role="note">
                {t("Synthetic data – not for real patients")}
            </p>
            {at.at === "find" && <Find page={at} />}
            {at.at === "record" && <RecordPage key={at.id} id={at.id} />}
            {at.at === "nowhere" && <Nowhere />}
        </>
    );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
