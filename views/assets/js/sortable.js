/** A list whose order is changed by dragging, or with the arrow keys on a row's handle. The order of the inputs is the answer. */
class Sortable extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector('ol');
    this.addEventListener('dragstart', ({ target }) => {
      this.row = target.closest('li');
      this.row.classList.add('dragging');
    });
    this.addEventListener('dragover', (event) => {
      const over = event.target.closest('li');
      if (!this.row || !over || over === this.row) return;
      event.preventDefault();
      const box = over.getBoundingClientRect();
      over[event.clientY < box.top + box.height / 2 ? 'before' : 'after'](this.row);
    });
    this.addEventListener('dragend', () => {
      this.row?.classList.remove('dragging');
      this.row = null;
      this.moved();
    });
    this.addEventListener('keydown', (event) => this.onKey(event));
  }

  onKey(event) {
    const handle = event.target.closest('[data-handle]');
    const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (!handle || !step) return;
    event.preventDefault();
    const row = handle.closest('li');
    if (step < 0) row.previousElementSibling?.before(row);
    else row.nextElementSibling?.after(row);
    handle.focus();
    this.moved(row);
  }

  moved(row) {
    const rows = [...this.list.children];
    rows.forEach((item, index) => {
      item.querySelector('input[type="number"]').value = index + 1;
    });
    if (row) this.querySelector('[role="status"]').textContent = `${this.dataset.textMoved} ${rows.indexOf(row) + 1}`;
    this.dispatchEvent(new CustomEvent('t-changed', { bubbles: true }));
  }
}
customElements.define('t-sortable', Sortable);
