/* The page as an app: its service worker, and what is said while it shows an old page. */
if ('serviceWorker' in navigator) navigator.serviceWorker.register('/sw.js').catch(() => {});

if (document.documentElement.dataset.offline !== undefined) {
  document.querySelector('#notice').append(document.querySelector('#offline-notice').content.cloneNode(true));
  window.addEventListener('online', () => location.reload());
}
