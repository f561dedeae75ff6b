// SPDX-License-Identifier: GPL-3.0-or-later
// keyboard.mjs - a person at the keyboard: goes through a form question by question, never a mouse.
//
// What is asked is read from the page as a screen reader would: the field that has the focus, its
// kind, the linkId of its question. Answers are given by linkId; what is required and has none given
// gets the plainest answer there is (no, the first choice, today).

/** The question that has the focus. */
export const focused = (p) =>
    p.evaluate(() => {
        const at = document.activeElement;
        const q = at?.closest(".q");
        const field = at?.closest(".q-field");
        if (!q || !field)
            return {
                kind: at?.matches(".steps .main") ? "step" : (at?.tagName.toLowerCase() ?? ""),
                id: at?.id ?? "",
            };
        const kind = at.matches("[role=combobox]")
            ? "combobox"
            : at.matches("input[type=radio]")
              ? "radio"
              : at.matches("input[type=checkbox]")
                ? "checkbox"
                : at.matches("textarea")
                  ? "textarea"
                  : at.matches("select")
                    ? "select"
                    : "text";
        return {
            kind,
            link: q.dataset.link,
            path: q.dataset.path,
            required: Boolean(q.querySelector(".must")),
            answered: Boolean(
                q.querySelector(".q-field input:checked, .chosen li") ||
                (at.value && !["radio", "checkbox"].includes(at.type)),
            ),
            yesNo: field.querySelectorAll("input[type=radio]").length === 2,
            mode: at.inputMode || "",
            placeholder: at.placeholder || "",
        };
    });

/** Presses Tab until what has the focus matches the selector. */
export async function tabTo(p, selector, most = 250) {
    for (let i = 0; i <= most; i++) {
        if (await p.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) return;
        await p.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${selector}`);
}

async function give(p, at, answer) {
    if (answer === undefined) {
        if (!at.required || at.answered) return;
        if (at.kind === "radio") answer = at.yesNo ? "2" : "1";
        else if (at.kind === "checkbox") answer = "1";
        else if (at.kind === "combobox") answer = "↓";
        else if (/^\d{4}|YYYY/.test(at.placeholder)) answer = "t";
        else answer = at.mode ? "1" : "x";
    }
    if (answer === null) return;
    if (at.kind === "combobox") {
        for (const one of [answer].flat()) {
            if (one === "↓") await p.keyboard.press("ArrowDown");
            else await p.keyboard.type(one);
            await p.keyboard.press("Enter");
        }
    } else if (at.kind === "radio" || at.kind === "checkbox")
        for (const key of [answer].flat()) await p.keyboard.press(key);
    else if (answer === "t") await p.keyboard.press("t");
    else {
        if (at.kind === "textarea") await p.keyboard.press("Control+a");
        await p.keyboard.type(String(answer));
    }
}

/**
 * Fills the page of the form that is shown, from its heading to its last button, which has the focus
 * then. `answers`: by linkId, a key of a choice ("1", "y", "*"), a text, or null: leave it.
 */
export async function fillPage(p, answers, seen = new Set()) {
    await tabTo(p, ".q-field input, .q-field textarea, .q-field select, .steps .main");
    for (let i = 0; i < 400; i++) {
        const at = await focused(p);
        if (at.kind === "step") return;
        if (at.path && !seen.has(at.path)) {
            seen.add(at.path);
            await give(p, at, answers[at.link]);
        }
        if (at.kind === "textarea" || at.kind === "select") {
            // Enter belongs to the text there.
            const here = at.path;
            do await p.keyboard.press("Tab");
            while (
                await p.evaluate(
                    (path) =>
                        document.activeElement?.closest(".q")?.dataset.path === path ||
                        !document.activeElement?.matches(
                            ".q-field input, .q-field textarea, .q-field select, .steps .main",
                        ),
                    here,
                )
            );
        } else await p.keyboard.press("Enter");
    }
    throw new Error("the page of the form does not end");
}

/** Through all pages to the end, and finishes; what is wrong, as the page says it, or "". */
export async function fillForm(p, answers) {
    await p.locator(".sheet-form").waitFor();
    for (let i = 0; i < 40; i++) {
        if (await p.locator("#summary, .sheet-form:not(:has(#summary)) #finish").count()) break;
        await fillPage(p, answers);
        await p.keyboard.press("Enter");
        await p.waitForTimeout(30);
    }
    if (!(await p.locator("#summary").count())) await fillPage(p, answers);
    await p.keyboard.press("Control+Enter");
    await p.keyboard.press("Enter");
    await p.waitForFunction(
        () =>
            !document.querySelector("#finish") ||
            (!document.querySelector("#finish").disabled &&
                document.querySelector(
                    ".summary .trouble, .sheet-form > .error, .sheet-form > .trouble",
                )),
    );
    const trouble = p.locator(".summary .trouble, .sheet-form > .trouble, .sheet-form .error");
    return (await trouble.count()) ? (await trouble.allInnerTexts()).join("\n") : "";
}
