/** The queue by keys alone, and the lock of the row that is open. Nothing here decides: it presses what the page has. */
class Queue extends HTMLElement {
  connectedCallback() {
    this.onKey = (event) => this.press(event);
    document.addEventListener('keydown', this.onKey);
    const { lock } = this.dataset;
    this.showRule();
    this.endUndo();
    if (lock) this.renewing = setInterval(() => fetch(lock, { method: 'POST' }).catch(() => {}), 60_000);
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.onKey);
    clearInterval(this.renewing);
    clearTimeout(this.undoing);
  }

  /** The words of the rule that is chosen, beside the choice. */
  showRule() {
    const [select, words] = [this.querySelector('[name=rule]'), this.querySelector('.chosen-rule')];
    if (!select || !words) return;
    const show = () => {
      words.textContent = this.querySelector(`[data-rule="${CSS.escape(select.value)}"] span`)?.textContent ?? '';
      words.hidden = words.textContent === '';
    };
    select.addEventListener('change', show);
    show();
  }

  /** What can be undone no more is not offered. */
  endUndo() {
    const bar = document.querySelector('[data-undo]');
    const milliseconds = Number(bar?.dataset.seconds) * 1_000;
    // a timer holds no more than 31 bits
    if (milliseconds < 2 ** 31) this.undoing = setTimeout(() => bar.remove(), milliseconds);
  }

  press(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.querySelector('[data-decision]')?.requestSubmit();
      return;
    }
    if (event.key === 'Escape' && this.contains(event.target)) event.target.blur();
    const types = event.target.closest('textarea, select, input:not([type=radio], [type=checkbox]), dialog');
    if (types || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.acts()[event.key];
    if (!act && !/^[1-9]$/.test(event.key)) return;
    event.preventDefault();
    if (act) act();
    else this.choose(event.key);
  }

  acts() {
    const go = (url) => url && window.location.assign(url);
    return {
      j: () => this.move(1),
      k: () => this.move(-1),
      o: () => (this.rows().find((row) => row === document.activeElement) ?? this.rows()[0])?.click(),
      '?': () => document.getElementById('queue-keys')?.showModal(),
      n: () => go(this.dataset.next),
      q: () => go(this.dataset.back),
      u: () => document.querySelector('[data-undo]')?.requestSubmit(),
      v: () => this.querySelector('[data-view]')?.click(),
    };
  }

  rows() {
    return [...this.querySelectorAll('[data-row]')];
  }

  move(step) {
    const rows = this.rows();
    const at = rows.indexOf(document.activeElement);
    rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))]?.focus();
  }

  /** Chooses, and goes on to what must be said about it. */
  choose(key) {
    const choice = this.querySelector(`[data-key="${key}"]`);
    if (!choice) return;
    choice.checked = true;
    this.querySelector('[name=facts]')?.focus();
  }
}
customElements.define('t-queue', Queue);
