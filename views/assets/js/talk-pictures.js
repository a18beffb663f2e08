/**
 * Pictures beside words: chosen, pasted into the text or dropped on the form. They lie in the file input of the form, which
 * sends them; here they are shown, described, and taken out again.
 */
class TalkPictures extends HTMLElement {
  connectedCallback() {
    this.form = this.closest('form');
    this.picker = this.querySelector('input[type="file"]');
    this.rows = this.querySelector('[data-new]');
    this.files = [];
    this.urls = [];
    this.querySelector('[data-unscripted]').remove();
    this.querySelector('[data-scripted]').hidden = false;
    this.picker.addEventListener('change', () => this.take([...this.picker.files]));
    this.listeners = {
      paste: (event) => this.takeFrom(event.clipboardData, event),
      dragover: (event) => event.dataTransfer.types.includes('Files') && event.preventDefault(),
      drop: (event) => this.takeFrom(event.dataTransfer, event),
      // how far it is only htmx tells
      submit: () => this.wait(),
      'htmx:xhr:progress': ({ detail }) => this.show(detail),
      'htmx:afterRequest': () => this.show(null),
    };
    for (const [kind, listener] of Object.entries(this.listeners)) this.form.addEventListener(kind, listener);
  }

  disconnectedCallback() {
    for (const [kind, listener] of Object.entries(this.listeners)) this.form?.removeEventListener(kind, listener);
    for (const url of this.urls) URL.revokeObjectURL(url);
  }

  takeFrom(transfer, event) {
    const files = [...(transfer?.files ?? [])].filter(({ type }) => type.startsWith('image/'));
    if (files.length === 0) return;
    event.preventDefault();
    this.take(files);
  }

  take(files) {
    const kept = this.querySelectorAll('.talk-drop input:not(:checked)').length;
    const room = Math.max(0, Number(this.dataset.max) - kept - this.files.length);
    this.say(files.length > room ? this.dataset.textTooMany : '');
    for (const file of files.slice(0, room)) this.add(file);
    this.keep();
  }

  add(file) {
    const fold = this.querySelector('details');
    if (fold) fold.open = true;
    const row = document.createElement('li');
    const image = new Image(64, 64);
    image.alt = '';
    image.src = URL.createObjectURL(file);
    this.urls.push(image.src);
    const alt = document.createElement('input');
    Object.assign(alt, { className: 'input', maxLength: 1500, placeholder: this.dataset.textAlt });
    alt.setAttribute('aria-label', this.dataset.textAlt);
    const remove = document.createElement('button');
    Object.assign(remove, { type: 'button', className: 'button small', textContent: this.dataset.textRemove });
    const entry = { file, alt };
    remove.addEventListener('click', () => {
      this.files.splice(this.files.indexOf(entry), 1);
      row.remove();
      this.say('');
      this.keep();
      this.picker.focus();
    });
    row.append(image, alt, remove);
    this.rows.append(row);
    this.files.push(entry);
  }

  /** What the form sends is what is shown. */
  keep() {
    const transfer = new DataTransfer();
    for (const [n, { file, alt }] of this.files.entries()) {
      transfer.items.add(file);
      alt.name = `alt-new-${n + 1}`;
    }
    this.picker.files = transfer.files;
  }

  wait() {
    const bar = this.querySelector('progress');
    bar.removeAttribute('value');
    bar.hidden = this.files.length === 0;
  }

  show(progress) {
    const bar = this.querySelector('progress');
    bar.hidden = !progress?.lengthComputable || this.files.length === 0;
    if (progress?.lengthComputable) bar.value = (100 * progress.loaded) / progress.total;
  }

  say(words) {
    this.querySelector('[role="status"]').textContent = words;
  }
}
customElements.define('t-talk-pictures', TalkPictures);
