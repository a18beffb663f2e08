/** Where files are dropped or chosen; each becomes a t-upload in its list. */
class Dropzone extends HTMLElement {
  connectedCallback() {
    this.picker = this.querySelector('input[type="file"]');
    this.list = this.querySelector('.uploads');
    this.picker.addEventListener('change', () => {
      void this.take([...this.picker.files]);
      this.picker.value = '';
    });
    for (const kind of ['dragover', 'dragleave', 'drop']) this.addEventListener(kind, (event) => this.onDrag(event));
    // The picker would send the files a second time.
    this.closest('form')?.addEventListener('formdata', (event) => event.formData.delete(this.picker.name));
    this.onLeave = (event) => this.isBusy && event.preventDefault();
    window.addEventListener('beforeunload', this.onLeave);
    this.addEventListener('t-upload-done', () => this.onDone());
  }

  disconnectedCallback() {
    window.removeEventListener('beforeunload', this.onLeave);
  }

  get isBusy() {
    return this.list.querySelector('.running') !== null;
  }

  onDrag(event) {
    event.preventDefault();
    this.classList.toggle('over', event.type === 'dragover');
    if (event.type === 'drop') void this.take([...event.dataTransfer.files]);
  }

  async take(files) {
    try {
      await this.loadTus();
    } catch {
      this.say(this.dataset.textFailed);
      return;
    }
    const room = Number(this.dataset.max) - this.list.childElementCount;
    this.say(files.length > room ? this.dataset.textTooMany : '');
    for (const file of files.slice(0, Math.max(0, room))) {
      const row = this.querySelector('template').content.firstElementChild.cloneNode(true);
      this.list.append(row);
      row.querySelector('t-upload').start(file);
    }
  }

  /** Only pages that upload load the client, and only when a file is there. */
  loadTus() {
    this.tus ??= new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = this.dataset.tus;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    return this.tus;
  }

  say(words) {
    this.querySelector('.dropzone-status').textContent = words;
  }

  onDone() {
    this.dispatchEvent(new CustomEvent('t-changed', { bubbles: true }));
    if (!this.isBusy) this.dispatchEvent(new CustomEvent('t-uploaded', { bubbles: true }));
  }
}
customElements.define('t-dropzone', Dropzone);
