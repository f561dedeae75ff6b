// SPDX-License-Identifier: GPL-3.0-or-later
// desk.ts - the pages that are loaded when they are first needed: registration, forms, assessment.
import { formPlurals, formWords } from "./text.form";
import { addWords } from "./text";

addWords(formWords, formPlurals);

export { AssessPage } from "./assess";
export { FormPage } from "./form";
export { FormsPage } from "./forms";
export { Register } from "./register";
