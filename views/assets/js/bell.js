/** Says on every page how much is new, as soon as it is; only while the page is seen, since a browser opens few lines to one host. */
class Bell extends HTMLElement {
  connectedCallback() {
    this.onSeen = () => (document.hidden ? this.stop() : this.listen());
    document.addEventListener('visibilitychange', this.onSeen);
    // after what the page itself needs
    if (document.readyState === 'complete') this.onSeen();
    else window.addEventListener('load', this.onSeen, { once: true });
  }

  disconnectedCallback() {
    document.removeEventListener('visibilitychange', this.onSeen);
    this.stop();
  }

  listen() {
    if (this.stream || !this.isConnected) return;
    this.stream = new EventSource(this.dataset.url);
    this.stream.addEventListener('unread', (event) => this.show(JSON.parse(event.data).unread));
  }

  stop() {
    this.stream?.close();
    this.stream = null;
  }

  show(unread) {
    const link = this.querySelector('a');
    const dot = this.querySelector('.dot');
    const count = unread < 100 ? String(unread) : '99+';
    const { none, one, other } = this.dataset;
    const label = unread === 0 ? none : (unread === 1 ? one : other).replace('{n}', count);
    const isMore = unread > (this.unread ?? Number(dot.hidden ? 0 : Number.parseInt(dot.textContent, 10)));
    this.unread = unread;
    dot.textContent = count;
    dot.hidden = unread === 0;
    link.setAttribute('aria-label', label);
    const spoken = document.getElementById('spoken');
    if (isMore && spoken) spoken.textContent = label;
  }
}
customElements.define('t-bell', Bell);
