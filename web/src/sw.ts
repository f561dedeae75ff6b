// SPDX-License-Identifier: GPL-3.0-or-later
// sw.ts - lets the pages open without the network: it keeps their files, and nothing of anybody.
//
// Files with a hash in their name are taken from what is kept; the page itself is asked of the server
// first, so that a newer version comes at once when there is one. Requests for data pass by: what is
// kept of a person on this device is only what keep.ts keeps.
declare const FILES: string[]; // put in when the pages are built
declare const VERSION: string;

interface Event1 extends Event {
    waitUntil(what: Promise<unknown>): void;
}
interface FetchEvent1 extends Event1 {
    request: Request;
    respondWith(what: Promise<Response>): void;
}
const worker = self as unknown as {
    addEventListener(name: string, what: (event: FetchEvent1) => void): void;
    skipWaiting(): Promise<void>;
    clients: { claim(): Promise<void> };
    registration: { scope: string };
};

const NAME = `rihla-${VERSION}`;
const PAGE_MS = 4000; // a server that has not answered by then is as good as none
const root = worker.registration.scope;

async function install(): Promise<void> {
    const cache = await caches.open(NAME);
    await cache.addAll(["", ...FILES].map((name) => new URL(name, root).href));
    await worker.skipWaiting();
}

async function activate(): Promise<void> {
    for (const name of await caches.keys())
        if (name.startsWith("rihla-") && name !== NAME) await caches.delete(name);
    await worker.clients.claim();
}

async function page(request: Request): Promise<Response> {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), PAGE_MS);
    try {
        return await fetch(request.url, { signal: stop.signal, cache: "no-cache" });
    } catch (error) {
        const kept = await (await caches.open(NAME)).match(root);
        if (kept) return kept;
        throw error;
    } finally {
        clearTimeout(late);
    }
}

const file = async (request: Request): Promise<Response> =>
    (await (await caches.open(NAME)).match(request.url)) ?? fetch(request);

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
    const { request } = event;
    if (request.method !== "GET" || !request.url.startsWith(root)) return;
    const name = request.url.slice(root.length).split(/[?#]/)[0] ?? "";
    if (name === "" && request.mode === "navigate") event.respondWith(page(request));
    else if (FILES.includes(name)) event.respondWith(file(request));
});
