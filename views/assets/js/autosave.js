/** Keeps a draft: two seconds after the last change its form goes to `data-url`, and a line says so. */
class Autosave extends HTMLElement {
  connectedCallback() {
    this.addEventListener('input', () => this.later());
    this.addEventListener('t-changed', () => this.later());
    this.onHide = () => this.timer && this.save();
    document.addEventListener('visibilitychange', this.onHide);
    this.addEventListener('submit', () => this.stop());
  }

  disconnectedCallback() {
    this.stop();
    document.removeEventListener('visibilitychange', this.onHide);
  }

  later() {
    this.stop();
    this.timer = setTimeout(() => this.save(), 2000);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async save() {
    this.stop();
    const fields = new FormData(this.querySelector('form'));
    // Files go up by themselves; a draft is words.
    for (const [name, value] of [...fields]) if (value instanceof File) fields.delete(name);
    const note = this.querySelector('.autosave-note');
    try {
      const answer = await fetch(this.dataset.url, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: { Accept: 'application/json' },
        keepalive: true,
      });
      note.textContent = answer.ok ? this.dataset.textSaved : this.dataset.textFailed;
    } catch {
      note.textContent = this.dataset.textFailed;
    }
  }
}
customElements.define('t-autosave', Autosave);
