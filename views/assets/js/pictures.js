/** From here on a picture goes up by tus, and where the line broke it goes on; a smaller one is as soon sent anew. */
const RESUMED_BYTES = 512 * 1024;
const MOST_TRIES = 4;

/**
 * Pictures on their way into a post, each by itself, two at a time, tried again when the line breaks. On
 * the page of a draft (`data-url`) each new one is added to its list; on the first page a draft is made for them.
 */
class Pictures extends HTMLElement {
  connectedCallback() {
    this.picker = this.querySelector('input[type="file"]');
    this.rows = this.querySelector('.uploads');
    this.waiting = [];
    this.running = 0;
    this.failed = 0;
    this.url = this.dataset.url;
    this.picker.addEventListener('change', () => {
      // emptied first: the form that makes the draft would send them too
      const files = [...this.picker.files];
      this.picker.value = '';
      void this.take(files);
    });
    for (const kind of ['dragover', 'dragleave', 'drop']) this.addEventListener(kind, (event) => this.onDrag(event));
    this.onLeave = (event) => this.running > 0 && event.preventDefault();
    window.addEventListener('beforeunload', this.onLeave);
    if (new URLSearchParams(location.search).has('shared')) void this.takeShared();
  }

  /** What another app shared waits with the service worker (sw.js). */
  async takeShared() {
    history.replaceState(null, '', location.pathname);
    const shared = await caches.open('shared-1');
    const files = [];
    for (const key of await shared.keys()) {
      const kept = await shared.match(key);
      const { headers } = kept;
      files.push(
        new File([await kept.blob()], decodeURIComponent(headers.get('x-name')), { type: headers.get('content-type') }),
      );
    }
    await caches.delete('shared-1');
    await this.take(files);
  }

  disconnectedCallback() {
    window.removeEventListener('beforeunload', this.onLeave);
  }

  onDrag(event) {
    event.preventDefault();
    this.classList.toggle('over', event.type === 'dragover');
    if (event.type === 'drop') void this.take([...event.dataTransfer.files]);
  }

  say(words) {
    this.querySelector('.dropzone-status').textContent = words;
  }

  async take(files) {
    const room = Number(this.dataset.max) - this.rows.childElementCount;
    this.say(files.length > room ? this.dataset.textTooMany : '');
    for (const file of files.slice(0, Math.max(0, room))) this.waiting.push({ file, row: this.addRow(file), tries: 0 });
    if (!this.url && this.waiting.length > 0) {
      try {
        this.draft ??= this.makeDraft();
        await this.draft;
      } catch (error) {
        this.draft = undefined;
        for (const { row } of this.waiting.splice(0)) this.fail(row, error.message);
        return;
      }
    }
    this.next();
  }

  async makeDraft() {
    this.running += 1;
    try {
      for (let tries = 1; !this.url; tries += 1) {
        const answer = await fetch(this.dataset.draftUrl, {
          method: 'POST',
          body: new FormData(this.closest('form')),
          headers: { Accept: 'application/json' },
        }).catch(() => null);
        if (answer) {
          const made = await answer.json();
          if (!answer.ok) throw new Error(made.error);
          this.url = made.uploadUrl;
          this.editor = made.url;
        } else await this.lineBack(tries, this.waiting);
      }
    } finally {
      this.running -= 1;
    }
  }

  /** Until it may be tried again: after some seconds or, where the browser knows of no network, when there is one. */
  async lineBack(tries, tasks) {
    const { textFailed, textWaiting } = this.dataset;
    if (navigator.onLine && tries >= MOST_TRIES) throw new Error(textFailed);
    const say = (words) => {
      for (const { row } of tasks) row.querySelector('.upload-note').textContent = words;
    };
    say(textWaiting);
    if (navigator.onLine) await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** tries));
    else await new Promise((resolve) => addEventListener('online', resolve, { once: true }));
    say('');
  }

  addRow(file) {
    const row = this.querySelector('template').content.firstElementChild.cloneNode(true);
    row.querySelector('.upload-name').textContent = file.name;
    row.querySelector('progress').setAttribute('aria-label', file.name);
    row.querySelector('[data-remove]').addEventListener('click', () => row.remove());
    this.rows.append(row);
    return row;
  }

  next() {
    // whoever took a row away does not want it sent
    this.waiting = this.waiting.filter(({ row }) => row.isConnected);
    while (this.running < 2 && this.waiting.length > 0) this.send(this.waiting.shift());
    if (this.running === 0 && this.waiting.length === 0 && this.editor) this.finish();
  }

  send(task) {
    const { file, row } = task;
    const { maxBytes, textTooLarge } = this.dataset;
    if (file.size > Number(maxBytes)) return this.fail(row, textTooLarge);
    this.running += 1;
    const sent = file.size < RESUMED_BYTES ? this.post(task, 'pictures', file) : this.resume(task);
    sent
      .then((answer) => void this.arrived(row, answer))
      .catch(async (error) => {
        if (!error.isLine) throw error;
        task.tries += 1;
        // it counts as running until then: who waits for its turn keeps the page
        await this.lineBack(task.tries, [task]);
        this.waiting.push(task);
      })
      .catch((error) => this.fail(row, error.message))
      .finally(() => {
        this.running -= 1;
        this.next();
      });
  }

  /** One picture into the post: its file, or the address of what is there already. */
  post({ row }, name, value) {
    const form = new FormData();
    form.append(name, value);
    const request = new XMLHttpRequest();
    request.open('POST', this.url);
    request.responseType = 'json';
    request.setRequestHeader('Accept', 'application/json');
    if (value instanceof File) {
      request.upload.addEventListener('progress', ({ loaded, total }) => this.move(row, loaded, total));
    }
    return new Promise((resolve, reject) => {
      const { textFailed } = this.dataset;
      request.addEventListener('load', () => {
        if (request.status < 400) resolve(request.response);
        else reject(Object.assign(new Error(request.response?.error ?? textFailed), { status: request.status }));
      });
      request.addEventListener('error', () => reject(Object.assign(new Error(textFailed), { isLine: true })));
      request.send(form);
    });
  }

  /** By tus, also over a reload: the client remembers what was begun by the file and the post that it is for. */
  async resume(task) {
    task.address ??= await this.upload(task);
    try {
      return await this.post(task, 'upload', task.address);
    } catch (error) {
      // it was taken the first time, and only the answer was lost
      if (error.status === 410 && task.tries > 0) return { images: [] };
      throw error;
    }
  }

  async upload({ file, row }) {
    await this.loadTus();
    const { textFailed } = this.dataset;
    return await new Promise((resolve, reject) => {
      const upload = new window.tus.Upload(file, {
        endpoint: '/uploads/pictures',
        retryDelays: [0, 1000, 3000, 5000, 10_000],
        removeFingerprintOnSuccess: true,
        fingerprint: async () => ['picture', this.url, file.name, file.size, file.lastModified].join('|'),
        metadata: { filename: file.name },
        onProgress: (sent, total) => this.move(row, sent, total),
        onSuccess: () => resolve(new URL(upload.url, location.href).pathname),
        onError: (error) => {
          const said = error.originalResponse?.getBody() ?? '';
          const words = said === '' || said.startsWith('<') ? textFailed : said;
          reject(Object.assign(new Error(words), { isLine: !error.originalResponse }));
        },
      });
      upload
        .findPreviousUploads()
        .then(([earlier]) => {
          if (earlier) upload.resumeFromPreviousUpload(earlier);
          upload.start();
        })
        .catch(reject);
    });
  }

  loadTus() {
    this.tus ??= new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = this.dataset.tus;
      script.onload = resolve;
      script.onerror = () => {
        this.tus = undefined;
        reject(Object.assign(new Error(this.dataset.textFailed), { isLine: true }));
      };
      document.head.append(script);
    });
    return this.tus;
  }

  move(row, sent, total) {
    row.querySelector('progress').value = (100 * sent) / total;
  }

  fail(row, words) {
    this.failed += 1;
    row.firstElementChild.classList.add('failed');
    row.querySelector('.upload-note').textContent = words;
    row.querySelector('progress').hidden = true;
    this.say(words);
  }

  async arrived(row, { images }) {
    const note = images[0]?.note;
    row.firstElementChild.classList.add('done');
    row.querySelector('progress').hidden = true;
    row.querySelector('.upload-note').textContent = note ?? this.dataset.textDone;
    if (this.editor) return;
    if (!note) row.remove();
    // The page itself knows how a picture looks in its list: what is new there is taken over, what is typed here stays.
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const list = document.querySelector('#picture-list');
    for (const item of page.querySelectorAll('#picture-list > li')) {
      if (!document.getElementById(item.id)) list.append(document.adoptNode(item));
    }
    const status = page.querySelector('#rendering');
    document.querySelector('#rendering').replaceWith(document.adoptNode(status));
    window.htmx?.process(document.querySelector('#rendering'));
  }

  /** Straight on to the draft when all went well; otherwise the messages stay until they were read. */
  finish() {
    if (this.failed === 0) location.href = this.editor;
    const link = this.querySelector('[data-go-on]');
    link.href = this.editor;
    link.hidden = this.failed === this.rows.childElementCount;
  }
}
customElements.define('t-pictures', Pictures);
