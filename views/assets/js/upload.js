/**
 * One file on its way by tus: pause, resume, and going on after a restart (tus-js-client remembers the address of an
 * unfinished upload by the file's fingerprint). When it is done, a hidden input holds its address.
 */
class Upload extends HTMLElement {
  async start(file) {
    this.zone = this.closest('t-dropzone');
    const { maxBytes, endpoint, draft, textTooLarge } = this.zone.dataset;
    this.querySelector('.upload-name').textContent = file.name;
    this.querySelector('progress').setAttribute('aria-label', file.name);
    this.querySelector('[data-remove]').addEventListener('click', () => this.discard());
    this.querySelector('[data-pause]').addEventListener('click', () => this.toggle());
    if (file.type.startsWith('image/')) this.showPicture(file);
    if (Number(maxBytes) > 0 && file.size > Number(maxBytes)) return this.show('failed', textTooLarge);

    this.upload = new window.tus.Upload(file, {
      endpoint,
      chunkSize: 64 * 1024 * 1024,
      retryDelays: [0, 1000, 3000, 5000, 10_000, 20_000, 30_000],
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, filetype: file.type, draft },
      onProgress: (sent, total) => this.onProgress(sent, total),
      onError: (error) => this.show('failed', this.reasonOf(error)),
      onSuccess: () => this.finish(),
    });
    const [earlier] = await this.upload.findPreviousUploads();
    if (earlier) this.upload.resumeFromPreviousUpload(earlier);
    this.toggle();
  }

  /** What the server says of it; a page is no reason. */
  reasonOf(error) {
    const said = error.originalResponse?.getBody() ?? '';
    return said === '' || said.startsWith('<') ? this.zone.dataset.textFailed : said;
  }

  showPicture(file) {
    const image = new Image(44, 44);
    image.alt = '';
    image.src = URL.createObjectURL(file);
    this.querySelector('.icon').replaceWith(image);
  }

  onProgress(sent, total) {
    const percent = total > 0 ? (100 * sent) / total : 100;
    this.querySelector('progress').value = percent;
    const megabytes = (amount) => (amount / 1e6).toFixed(1);
    this.querySelector('.upload-note').textContent =
      `${Math.floor(percent)} % · ${megabytes(sent)} / ${megabytes(total)} MB`;
  }

  toggle() {
    if (!this.upload) return;
    if (this.classList.contains('running')) {
      this.upload.abort();
      this.show('paused', this.zone.dataset.textPaused);
    } else {
      this.show('running', '');
      this.upload.start();
    }
  }

  show(state, words) {
    this.className = `upload ${state}`;
    this.querySelector('.upload-note').textContent = words;
    const pause = this.querySelector('[data-pause]');
    pause.hidden = state === 'done' || !this.upload;
    pause.textContent = state === 'running' ? this.zone.dataset.textPause : this.zone.dataset.textResume;
    if (state !== 'running') this.zone.say(`${this.querySelector('.upload-name').textContent}: ${words}`);
  }

  finish() {
    this.show('done', this.zone.dataset.textDone);
    this.querySelector('progress').hidden = true;
    const answer = document.createElement('input');
    const { pathname } = new URL(this.upload.url, location.href);
    Object.assign(answer, { type: 'hidden', name: this.zone.dataset.name, value: pathname });
    this.append(answer);
    this.dispatchEvent(new CustomEvent('t-upload-done', { bubbles: true }));
  }

  discard() {
    // What was sent is deleted on the server too; if that fails, the node forgets it after a day.
    this.upload?.abort(true).catch(() => {});
    const { zone } = this;
    this.closest('li').remove();
    zone.dispatchEvent(new CustomEvent('t-changed', { bubbles: true }));
    zone.picker.focus();
  }
}
customElements.define('t-upload', Upload);
