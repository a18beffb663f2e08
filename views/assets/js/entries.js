/** A list of what waits, by keys: j and k walk, x chooses, a approves and r refuses what is chosen, or the row alone. */
class Entries extends HTMLElement {
  connectedCallback() {
    this.onKey = (event) => this.press(event);
    document.addEventListener('keydown', this.onKey);
    const all = this.querySelector('[data-all]');
    all.classList.remove('hidden');
    all.addEventListener('click', () => {
      const isAll = this.boxes.every(({ checked }) => checked);
      for (const box of this.boxes) box.checked = !isAll;
    });
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.onKey);
  }

  get rows() {
    return [...this.querySelectorAll('[data-entry]')];
  }

  get boxes() {
    return this.rows.map((row) => row.querySelector('input'));
  }

  get row() {
    return this.rows.find((row) => row.contains(document.activeElement));
  }

  press(event) {
    const types = event.target.closest('textarea, select, input:not([type=checkbox]), dialog');
    if (types || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { j: () => this.walk(1), k: () => this.walk(-1), x: () => this.toggle(), a: () => this.send('in') }[
      event.key
    ];
    if (act) act();
    else if (event.key === 'r') this.refuse();
    else return;
    event.preventDefault();
  }

  walk(step) {
    const { rows } = this;
    rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(this.row) + step))]?.focus();
  }

  toggle() {
    const box = this.row?.querySelector('input');
    if (box) box.checked = !box.checked;
  }

  /** What is chosen, or the row where one is. */
  choose() {
    if (!this.boxes.some(({ checked }) => checked)) this.toggle();
    return this.boxes.some(({ checked }) => checked);
  }

  send(to) {
    if (this.choose()) this.querySelector(`[name=to][value=${to}]`).click();
  }

  /** Its reason can be said first; Enter in the field sends it. */
  refuse() {
    if (!this.choose()) return;
    const reason = this.querySelector('[name=reason]');
    reason.focus();
    reason.onkeydown = (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      this.querySelector('[name=to][value=refused]').click();
    };
  }
}
customElements.define('t-entries', Entries);
