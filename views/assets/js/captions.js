/** Puts captions into their fields as a machine writes them, except where somebody is typing. */
class Captions extends HTMLElement {
  connectedCallback() {
    this.addEventListener('live-progress', ({ detail }) => {
      for (const { id, caption } of detail.captions ?? [])
        this.take(this.querySelector(`[name="caption-${id}"]`), caption);
    });
  }

  take(field, caption) {
    if (!field || field.value === caption || field.value !== field.defaultValue) return;
    field.defaultValue = caption;
    field.value = caption;
  }
}
customElements.define('t-captions', Captions);
