/** Ctrl+K (or /) goes to the search field; the arrow keys walk the results that htmx put below it. */
class Search extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector('input');
    this.panel = this.querySelector('#quick-results');
    this.onKey = (event) => {
      const isSlash = event.key === '/' && !event.target.closest('input, textarea, select, [contenteditable]');
      if ((event.key === 'k' && (event.ctrlKey || event.metaKey)) || isSlash) {
        event.preventDefault();
        if (this.offsetParent === null) location.assign('/search');
        this.input.focus();
        this.input.select();
      }
    };
    document.addEventListener('keydown', this.onKey);
    this.addEventListener('keydown', (event) => this.walk(event));
    this.input.addEventListener('input', () => this.show());
    this.addEventListener('htmx:afterSwap', () => this.show());
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.onKey);
  }

  show() {
    if (this.input.value.trim() === '') this.panel.replaceChildren();
    this.classList.toggle('found', this.panel.childElementCount > 0);
  }

  walk(event) {
    if (event.key === 'Escape') {
      this.classList.remove('found');
      this.input.blur();
      return;
    }
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const stops = [this.input, ...this.panel.querySelectorAll('a[href]')];
    const next = stops.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    stops[(next + stops.length) % stops.length].focus();
  }
}
customElements.define('t-search', Search);
