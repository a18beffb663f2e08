/** Copies `data-text` when its button is pressed, and says so for a moment. */
class Copy extends HTMLElement {
  connectedCallback() {
    this.addEventListener('click', () => this.copy());
  }

  async copy() {
    const button = this.querySelector('button');
    try {
      await navigator.clipboard.writeText(this.dataset.text);
    } catch {
      // without https there is no clipboard API; selecting is what is left
      const area = document.createElement('textarea');
      area.value = this.dataset.text;
      area.className = 'hidden';
      this.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
      button.focus();
    }
    this.classList.add('done');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.classList.remove('done'), 1200);
    const status = document.getElementById('spoken');
    if (status) status.textContent = status.dataset.copied;
  }
}
customElements.define('t-copy', Copy);
