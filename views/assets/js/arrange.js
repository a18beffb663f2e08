/** What is dragged, or moved by keys, within a `t-sortable` is told at once: where it stands now, beside what. */
class Arrange extends HTMLElement {
  connectedCallback() {
    this.order = this.ids();
    this.addEventListener('t-changed', () => this.tell());
  }

  ids() {
    return [...this.querySelectorAll('li[data-item]')].map((row) => row.dataset.item);
  }

  async tell() {
    const [before, after] = [this.order, this.ids()];
    const at = after.findIndex((id, index) => id !== before[index]);
    if (at < 0) return;
    // one row went up, and pushed the others down, or the other way round
    const moved = after[at + 1] === before[at] ? after[at] : before[at];
    const place = after.indexOf(moved);
    const [to, beside] = place === 0 ? ['before', after[1]] : ['after', after[place - 1]];
    this.order = after;
    const body = new URLSearchParams({ to, beside });
    const answer = await fetch(`${this.dataset.url}/${moved}/place`, { method: 'POST', body }).catch(() => null);
    // what is shown must be what is kept
    if (!answer?.ok) window.location.reload();
  }
}
customElements.define('t-arrange', Arrange);
