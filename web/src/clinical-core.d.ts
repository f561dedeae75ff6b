// SPDX-License-Identifier: GPL-3.0-or-later
// The clinical core's own loader, tools/wasm/clinical.mjs; build.mjs says where it lies.
declare module "clinical-core" {
    export interface Core {
        callText(name: string, json: string): string;
        addPackage(files: Iterable<[string, Uint8Array]>): unknown;
    }
    export function open(bytes: Uint8Array): Promise<Core>;
}
