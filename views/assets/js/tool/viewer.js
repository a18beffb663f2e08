/** The results large, over the page: arrow keys and swipes go from one to the next, a click zooms, Escape closes. */
class Viewer extends HTMLElement {
  connectedCallback() {
    this.addEventListener('click', (event) => {
      const link = event.target.closest('.result-open');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.open(link);
    });
  }

  get links() {
    return [...this.querySelectorAll('.result-open')];
  }

  open(link) {
    const dialog = document.createElement('dialog');
    dialog.className = 'lightbox';
    this.image = new Image();
    this.dialog = dialog;
    const count = document.createElement('span');
    count.className = 'lightbox-count';
    count.setAttribute('aria-live', 'polite');
    this.count = count;
    dialog.append(
      this.image,
      count,
      this.button('×', this.dataset.textClose, 'close', () => dialog.close()),
    );
    if (this.links.length > 1) {
      dialog.append(
        this.button('‹', this.dataset.textPrevious, 'previous', () => this.step(-1)),
        this.button('›', this.dataset.textNext, 'next', () => this.step(1)),
      );
    }
    dialog.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) this.step(step);
    });
    this.swipe(dialog);
    this.image.addEventListener('click', (event) => this.zoom(event));
    dialog.addEventListener('close', () => {
      dialog.remove();
      this.links[this.at]?.focus();
    });
    document.body.append(dialog);
    this.show(this.links.indexOf(link));
    dialog.showModal();
  }

  button(sign, label, name, act) {
    const button = document.createElement('button');
    button.className = `icon-button ${name}`;
    button.setAttribute('aria-label', label);
    button.textContent = sign;
    button.addEventListener('click', act);
    return button;
  }

  show(at) {
    this.at = at;
    const link = this.links[at];
    const small = link.querySelector('img');
    this.dialog.classList.remove('zoomed');
    Object.assign(this.image, { src: link.href, alt: small.alt });
    this.dialog.setAttribute('aria-label', small.alt);
    this.count.textContent = `${at + 1} / ${this.links.length}`;
  }

  step(by) {
    this.show((this.at + by + this.links.length) % this.links.length);
  }

  zoom(event) {
    const [x, y] = [event.offsetX / this.image.clientWidth, event.offsetY / this.image.clientHeight];
    this.dialog.classList.toggle('zoomed');
    this.dialog.scrollTo(
      x * this.image.clientWidth - this.dialog.clientWidth / 2,
      y * this.image.clientHeight - this.dialog.clientHeight / 2,
    );
  }

  swipe(dialog) {
    let from = null;
    dialog.addEventListener('touchstart', ({ touches }) => (from = touches.length === 1 ? touches[0] : null), {
      passive: true,
    });
    dialog.addEventListener('touchend', ({ changedTouches: [to] }) => {
      if (!from || dialog.classList.contains('zoomed')) return;
      const [x, y] = [to.clientX - from.clientX, to.clientY - from.clientY];
      if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(y)) this.step(x > 0 ? -1 : 1);
    });
  }
}
customElements.define('t-viewer', Viewer);
