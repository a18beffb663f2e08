/**
 * A search field with suggestions: the combobox of the ARIA practices (listbox popup, list autocomplete). htmx puts the
 * options below it; arrow keys choose one while the focus stays in the field, Enter opens it, Escape closes the list.
 * Ctrl+K (or /) goes to the first field of the page, and a second Escape leaves it.
 */
class Search extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector('[role="combobox"]');
    this.list = this.querySelector('[role="listbox"]');
    this.onKey = (event) => {
      const isSlash = event.key === '/' && !event.target.closest('input, textarea, select, [contenteditable]');
      if (((event.key === 'k' && (event.ctrlKey || event.metaKey)) || isSlash) && this.matches('.quick')) {
        event.preventDefault();
        if (this.offsetParent === null) location.assign('/search');
        this.input.focus();
        this.input.select();
      }
    };
    document.addEventListener('keydown', this.onKey);
    this.input.addEventListener('keydown', (event) => this.walk(event));
    this.input.addEventListener('input', () => this.input.value.trim() === '' && this.show(false));
    this.addEventListener('htmx:afterSwap', () => this.show(document.activeElement === this.input));
    this.addEventListener('focusout', ({ relatedTarget }) => this.contains(relatedTarget) || this.show(false));
    this.input.addEventListener('focus', () => this.show(this.input.value.trim() !== ''));
    // a press on an option must not take the focus first: the list would be gone before the click
    this.list.addEventListener('mousedown', (event) => event.preventDefault());
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.onKey);
  }

  get options() {
    return [...this.list.querySelectorAll('[role="option"]')];
  }

  show(isOpen) {
    const shown = isOpen && this.input.value.trim() !== '' && this.options.length > 0;
    this.classList.toggle('found', shown);
    this.input.setAttribute('aria-expanded', String(shown));
    this.choose(null);
  }

  choose(option) {
    for (const one of this.options) one.setAttribute('aria-selected', String(one === option));
    if (option) this.input.setAttribute('aria-activedescendant', option.id);
    else this.input.removeAttribute('aria-activedescendant');
    option?.scrollIntoView({ block: 'nearest' });
  }

  walk(event) {
    const isOpen = this.classList.contains('found');
    const { options } = this;
    const at = options.findIndex((one) => one.getAttribute('aria-selected') === 'true');
    if (event.key === 'Escape') {
      if (!isOpen) return this.input.blur();
      event.preventDefault();
      this.show(false);
    } else if (event.key === 'Enter' && isOpen && at >= 0) {
      event.preventDefault();
      options[at].click();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen) return this.show(true);
      // past either end stands the field itself
      const next = at + (event.key === 'ArrowDown' ? 1 : -1);
      this.choose(options[next < -1 ? options.length - 1 : next] ?? null);
    }
  }
}
customElements.define('t-search', Search);
