/* The service worker: keeps what was seen for when the node is not reached, takes what other apps share, and tells what
   happens while the page is closed. */

const SHELL = 'shell-1';
const SEEN = 'seen-1';
const PICTURES = 'pictures-1';
const SHARED = 'shared-1';
const OFFLINE = '/offline';
/** Pages that are shown as they were last seen. */
const LISTS = new Set(['/', '/models', '/images', '/notifications']);
const MOST_PICTURES = 80;
const MOST_SHARED = 20;

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));

async function install() {
  const shell = await caches.open(SHELL);
  // as a visitor sees it: whose phone it is stands nowhere in it
  await shell.add(new Request(OFFLINE, { credentials: 'omit' }));
  await self.skipWaiting();
}

async function activate() {
  const mine = new Set([SHELL, SEEN, PICTURES, SHARED]);
  for (const name of await caches.keys()) if (!mine.has(name)) await caches.delete(name);
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method === 'POST') {
    if (url.pathname === '/share') event.respondWith(takeShared(request));
    if (url.pathname === '/sign-out') event.waitUntil(forget());
  }
  if (request.method !== 'GET') return;
  if (request.mode === 'navigate') event.respondWith(page(event, url));
  else if (url.pathname.startsWith('/assets/') && url.searchParams.has('v')) event.respondWith(asset(request, url));
  else if (/^\/media\/(?:320|640)\//.test(url.pathname)) event.respondWith(picture(event, url));
});

async function page(event, url) {
  const isKept = LISTS.has(url.pathname) && url.search === '';
  try {
    const answer = (await event.preloadResponse) ?? (await fetch(event.request));
    if (isKept && answer.ok) event.waitUntil(keep(SEEN, url.pathname, answer.clone()));
    return answer;
  } catch {
    const seen = isKept ? await (await caches.open(SEEN)).match(url.pathname) : undefined;
    return seen ? asOffline(seen) : ((await (await caches.open(SHELL)).match(OFFLINE)) ?? Response.error());
  }
}

/** The page is told that it is an old one. */
async function asOffline(seen) {
  const text = await seen.text();
  return new Response(text.replace('<html ', '<html data-offline '), { headers: seen.headers });
}

/** Its address changes with its content, so that what is kept is right for ever; older ones of the same path go. */
async function asset(request, url) {
  const shell = await caches.open(SHELL);
  const kept = await shell.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) {
    for (const old of await shell.keys()) if (new URL(old.url).pathname === url.pathname) await shell.delete(old);
    await shell.put(request, answer.clone());
  }
  return answer;
}

/** The node is asked each time, for a picture may have been taken down; what is kept is for when it is not reached. */
async function picture(event, url) {
  try {
    const answer = await fetch(event.request);
    event.waitUntil(
      answer.ok ? keep(PICTURES, url.pathname, answer.clone(), MOST_PICTURES) : drop(PICTURES, url.pathname),
    );
    return answer;
  } catch {
    return (await (await caches.open(PICTURES)).match(url.pathname)) ?? Response.error();
  }
}

async function keep(name, path, answer, most = Number.POSITIVE_INFINITY) {
  const cache = await caches.open(name);
  await cache.delete(path);
  await cache.put(path, answer);
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - most))) await cache.delete(old);
}

const drop = async (name, path) => (await caches.open(name)).delete(path);

/** Whoever signs out leaves nothing of what they saw. */
async function forget() {
  for (const name of [SEEN, PICTURES, SHARED]) await caches.delete(name);
}

/** Pictures of another app wait here for the upload page, which fetches them (js/pictures.js). */
async function takeShared(request) {
  const files = (await request.formData()).getAll('files').filter((file) => file instanceof File);
  await caches.delete(SHARED);
  const shared = await caches.open(SHARED);
  for (const [n, file] of files.slice(0, MOST_SHARED).entries()) {
    const headers = { 'content-type': file.type, 'x-name': encodeURIComponent(file.name) };
    await shared.put(`/shared/${n}`, new Response(file, { headers }));
  }
  return Response.redirect('/upload/images?shared=1', 303);
}

/** `{title, body, url, tag}`, as notifications/push/send.ts writes it. */
self.addEventListener('push', (event) => {
  const { title, body, url, tag } = event.data.json();
  const icon = '/assets/img/mark-192.png';
  event.waitUntil(self.registration.showNotification(title, { body, tag, icon, badge: icon, data: { url } }));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  // what came from elsewhere opens nothing elsewhere
  if (url.origin === self.location.origin) event.waitUntil(open(url.href));
});

/** In a window that is there already, else in a new one. */
async function open(url) {
  const [window] = await self.clients.matchAll({ type: 'window' });
  if (!window) return self.clients.openWindow(url);
  await window.focus();
  return window.navigate(url);
}
