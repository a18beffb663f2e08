/* Manners of the tool's form: Enter in a field beside the form does not send it, and words go into a prompt by a click. */
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.ctrlKey || event.metaKey || !event.target.closest('[data-no-submit]')) return;
  event.preventDefault();
  event.target.dispatchEvent(new Event('search', { bubbles: true }));
});

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-insert]');
  const area = button && document.getElementById(button.dataset.into);
  if (!area) return;
  event.preventDefault();
  const words = button.dataset.insert;
  if (!area.value.toLowerCase().includes(words.toLowerCase())) {
    const before = area.value.trimEnd().replace(/,$/, '');
    area.value = before === '' ? words : `${before}, ${words}`;
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }
  area.setSelectionRange(area.value.length, area.value.length);
});

/** A picture that is dropped here goes into the file field, as if it had been chosen. */
class Drop extends HTMLElement {
  connectedCallback() {
    for (const kind of ['dragover', 'dragleave', 'drop']) this.addEventListener(kind, (event) => this.onDrag(event));
  }

  onDrag(event) {
    event.preventDefault();
    this.classList.toggle('over', event.type === 'dragover');
    if (event.type !== 'drop' || event.dataTransfer.files.length === 0) return;
    const field = this.querySelector('input[type="file"]');
    field.files = event.dataTransfer.files;
    field.dispatchEvent(new Event('change', { bubbles: true }));
  }
}
customElements.define('t-drop', Drop);
