/**
 * Suggests people while an @name is typed in the text field before it. The focus stays in the text: arrow keys choose,
 * Enter or Tab puts the name in, Escape closes the list. A text field may not be a combobox, so it says by its
 * properties that a list belongs to it, and a status says how many there are.
 */
class Mention extends HTMLElement {
  connectedCallback() {
    const before = this.previousElementSibling;
    this.text = before?.matches('textarea') ? before : (before?.querySelector('input[data-mention]') ?? null);
    this.list = this.querySelector('[role="listbox"]');
    if (!this.text) return;
    this.classList.remove('hidden');
    this.style.position = 'absolute';
    this.text.setAttribute('aria-autocomplete', 'list');
    this.text.setAttribute('aria-haspopup', 'listbox');
    this.text.setAttribute('aria-controls', this.list.id);
    this.text.addEventListener('input', () => this.ask());
    this.text.addEventListener('keydown', (event) => this.walk(event));
    this.text.addEventListener('blur', () => this.close());
    this.text.addEventListener('click', () => this.close());
    // a press on an option must not take the focus from the text
    this.list.addEventListener('mousedown', (event) => event.preventDefault());
    this.list.addEventListener('click', (event) => {
      event.preventDefault();
      this.put(event.target.closest('[role="option"]'));
    });
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.asked = null;
  }

  /** What is typed after the @ before the caret; null where none is being typed. The same @ as gallery/posts/mentions.ts. */
  get typed() {
    const { selectionStart, selectionEnd, value } = this.text;
    if (selectionStart !== selectionEnd) return null;
    // a field for one name takes it without the @ as well
    const isName = this.text.matches('input') && !value.startsWith('@');
    const before = (isName ? '@' : '') + value.slice(Math.max(0, selectionStart - 320), selectionStart);
    return /(?<![\p{L}\p{N}_@/.])@([\p{L}\p{N}_.-]{1,64}(?:@[a-z0-9.:-]{0,253})?)$/iu.exec(before)?.[1] ?? null;
  }

  ask() {
    clearTimeout(this.timer);
    const { typed } = this;
    this.asked = typed;
    if (typed === null) return this.close();
    this.timer = setTimeout(async () => {
      const answer = await fetch(`/suggest/people?q=${encodeURIComponent(typed)}`).catch(() => null);
      if (!answer?.ok || answer.redirected) return this.close();
      const options = await answer.text();
      if (this.asked === typed) this.show(options);
    }, 120);
  }

  get options() {
    return [...this.list.querySelectorAll('[role="option"]')];
  }

  get chosen() {
    return this.options.find((one) => one.getAttribute('aria-selected') === 'true');
  }

  show(html) {
    this.list.innerHTML = html;
    const { options } = this;
    for (const [n, option] of options.entries()) option.id = `${this.list.id}-${n}`;
    const { offsetTop, offsetLeft, offsetHeight, offsetWidth } = this.text;
    const place = { top: offsetTop + offsetHeight, left: offsetLeft, width: offsetWidth };
    for (const [side, px] of Object.entries(place)) this.style[side] = `${px}px`;
    this.classList.toggle('found', options.length > 0);
    const { none, one, other } = this.dataset;
    this.say(options.length === 0 ? none : (options.length === 1 ? one : other).replace('{n}', options.length));
    this.choose(options[0]);
  }

  close() {
    clearTimeout(this.timer);
    this.asked = null;
    this.classList.remove('found');
    this.text.removeAttribute('aria-activedescendant');
    this.say('');
  }

  say(words) {
    this.querySelector('[role="status"]').textContent = words;
  }

  choose(option) {
    for (const one of this.options) one.setAttribute('aria-selected', String(one === option));
    if (option) this.text.setAttribute('aria-activedescendant', option.id);
    else this.text.removeAttribute('aria-activedescendant');
    option?.scrollIntoView({ block: 'nearest' });
  }

  put(option) {
    const { typed } = this;
    if (!option || typed === null) return this.close();
    const end = this.text.selectionStart;
    this.text.setRangeText(`${option.dataset.handle} `, Math.max(0, end - typed.length - 1), end, 'end');
    this.text.dispatchEvent(new Event('input', { bubbles: true }));
    this.close();
  }

  walk(event) {
    if (!this.classList.contains('found') || event.isComposing) return;
    const { options, chosen } = this;
    if (event.key === 'Escape') this.close();
    else if (event.key === 'Enter' || (event.key === 'Tab' && !event.shiftKey)) this.put(chosen);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const next = options.indexOf(chosen) + (event.key === 'ArrowDown' ? 1 : -1);
      this.choose(options[(next + options.length) % options.length]);
    } else {
      // the caret goes elsewhere
      if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) this.close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
customElements.define('t-mention', Mention);
