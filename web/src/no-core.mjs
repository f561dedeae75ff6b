// SPDX-License-Identifier: GPL-3.0-or-later
// no-core.mjs - stands where the clinical core's loader is not there; never called.
export const open = () => Promise.reject(new Error("this build has no clinical core"));
