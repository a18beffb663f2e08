/* The service worker: tells what happens while the page is closed. */

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

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
