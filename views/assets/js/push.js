/** Asks this browser to take messages while the page is closed, and tells the node where it is reached. */
class Push extends HTMLElement {
  async connectedCallback() {
    this.status = this.querySelector('[role=status]');
    this.on = this.querySelector('[data-push=on]');
    this.off = this.querySelector('[data-push=off]');
    this.on.addEventListener('click', () => this.act(() => this.start()));
    this.off.addEventListener('click', () => this.act(() => this.end()));
    if (!('serviceWorker' in navigator) || !('PushManager' in window)) this.say(this.dataset.impossible);
    else await this.act(() => this.look());
  }

  say(text) {
    this.status.textContent = text;
  }

  async act(what) {
    try {
      await what();
    } catch {
      this.say(Notification.permission === 'denied' ? this.dataset.denied : this.dataset.failed);
      this.on.hidden = Notification.permission === 'denied';
    }
  }

  async look() {
    const registration = await navigator.serviceWorker.register('/sw.js');
    this.manager = registration.pushManager;
    const known = await this.manager.getSubscription();
    this.on.hidden = known !== null;
    this.off.hidden = known === null;
    if (Notification.permission === 'denied') throw new Error('denied');
  }

  async start() {
    const options = { userVisibleOnly: true, applicationServerKey: this.dataset.key };
    const subscription = await this.manager.subscribe(options);
    await this.send('/settings/notifications/browsers', { ...subscription.toJSON(), label: nameOfBrowser() });
    location.reload();
  }

  async end() {
    const known = await this.manager.getSubscription();
    if (known) {
      await this.send('/settings/notifications/browsers/removal', { endpoint: known.endpoint });
      await known.unsubscribe();
    }
    location.reload();
  }

  async send(url, value) {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(value) });
    if (!answer.ok) throw new Error(String(answer.status));
  }
}
customElements.define('t-push', Push);

/** So that its person knows it among others. */
function nameOfBrowser() {
  const { userAgent } = navigator;
  const browser = ['Edg', 'Firefox', 'Chrome', 'Safari'].find((name) => userAgent.includes(name)) ?? '';
  const system =
    ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find((name) => userAgent.includes(name)) ?? '';
  return [browser.replace('Edg', 'Edge'), system].filter(Boolean).join(', ');
}
