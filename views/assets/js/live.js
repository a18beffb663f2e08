/** Follows a job by server-sent events: numbers, words and the newest preview in place, then the page of the result. */
class Live extends HTMLElement {
  connectedCallback() {
    this.stream = new EventSource(this.dataset.url);
    this.stream.addEventListener('progress', (event) => this.show(JSON.parse(event.data)));
    for (const end of ['done', 'failed'])
      this.stream.addEventListener(end, (event) => this.finish(JSON.parse(event.data)));
  }

  disconnectedCallback() {
    this.stream.close();
  }

  show(data) {
    const { value, max, note, preview } = data;
    // for what stands around it and wants to know more
    this.dispatchEvent(new CustomEvent('live-progress', { detail: data, bubbles: true }));
    const bar = this.querySelector('progress');
    if (max) bar.max = max;
    if (value !== null && value !== undefined) bar.value = value;
    // Spoken words change once a second at most, so that a screen reader can follow.
    if (note && Date.now() - (this.spokenAt ?? 0) > 1000) {
      this.spokenAt = Date.now();
      this.querySelector('.progress-note').textContent = note;
    }
    if (preview) {
      const image = this.querySelector('.live-preview');
      image.src = preview;
      image.hidden = false;
    }
  }

  finish({ url }) {
    this.stream.close();
    const { swap, also } = this.dataset;
    // what somebody types beside it meanwhile stays
    if (url && swap) window.htmx.ajax('GET', url, { target: swap, select: swap, swap: 'outerHTML', selectOOB: also });
    else if (url && new URL(url, location.href).pathname !== location.pathname) location.assign(url);
    else location.reload();
  }
}
customElements.define('t-live', Live);
