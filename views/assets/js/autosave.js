/**
 * Keeps a draft: two seconds (`data-delay`) after the last change its form, in it or around it, goes to `data-url`, and a
 * line says so. With `data-plain` the address then loses its query, which had filled the form with something else.
 */
class Autosave extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector('form') ?? this.closest('form');
    this.onChange = () => this.later();
    this.onSubmit = () => this.stop();
    const host = this.contains(this.form) ? this : this.form;
    for (const change of ['input', 't-changed']) host.addEventListener(change, this.onChange);
    this.onHide = () => this.timer && this.save();
    document.addEventListener('visibilitychange', this.onHide);
    host.addEventListener('submit', this.onSubmit);
    this.host = host;
  }

  disconnectedCallback() {
    this.stop();
    for (const change of ['input', 't-changed']) this.host.removeEventListener(change, this.onChange);
    this.host.removeEventListener('submit', this.onSubmit);
    document.removeEventListener('visibilitychange', this.onHide);
  }

  later() {
    this.stop();
    this.timer = setTimeout(() => this.save(), Number(this.dataset.delay ?? 2000));
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async save() {
    this.stop();
    const fields = new FormData(this.form);
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
      if (answer.ok && 'plain' in this.dataset) history.replaceState(history.state, '', location.pathname);
      note.textContent = answer.ok ? this.dataset.textSaved : this.dataset.textFailed;
    } catch {
      note.textContent = this.dataset.textFailed;
    }
  }
}
customElements.define('t-autosave', Autosave);
