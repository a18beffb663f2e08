/** The large picture: a click opens it over the page and zooms; arrow keys and swipes go to its neighbours. */
class Lightbox extends HTMLElement {
  connectedCallback() {
    this.addEventListener('click', (event) => {
      const link = event.target.closest('.stage-picture');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.open(link);
    });
    this.onKey = (event) => {
      if (event.target.closest('input, textarea, select, dialog') || event.altKey || event.ctrlKey || event.metaKey)
        return;
      if (event.key === 'ArrowLeft') this.go('.stage-previous');
      if (event.key === 'ArrowRight') this.go('.stage-next');
    };
    document.addEventListener('keydown', this.onKey);
    this.addEventListener(
      'touchstart',
      (event) => {
        this.from = event.touches.length === 1 ? event.touches[0] : null;
      },
      { passive: true },
    );
    this.addEventListener('touchend', (event) => {
      if (!this.from) return;
      const x = event.changedTouches[0].clientX - this.from.clientX;
      const y = event.changedTouches[0].clientY - this.from.clientY;
      if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(y)) this.go(x > 0 ? '.stage-previous' : '.stage-next');
    });
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.onKey);
  }

  go(selector) {
    this.querySelector(selector)?.click();
  }

  open(link) {
    const dialog = document.createElement('dialog');
    dialog.className = 'lightbox';
    dialog.setAttribute('aria-label', link.getAttribute('aria-label'));
    const image = new Image();
    image.alt = link.querySelector('img:not(.blur)').alt;
    image.src = link.href;
    const close = document.createElement('button');
    close.className = 'icon-button';
    close.setAttribute('aria-label', this.dataset.textClose);
    close.textContent = '×';
    close.addEventListener('click', () => dialog.close());
    image.addEventListener('click', (event) => {
      const [x, y] = [event.offsetX / image.clientWidth, event.offsetY / image.clientHeight];
      dialog.classList.toggle('zoomed');
      dialog.scrollTo(x * image.clientWidth - dialog.clientWidth / 2, y * image.clientHeight - dialog.clientHeight / 2);
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      link.focus();
    });
    dialog.append(image, close);
    document.body.append(dialog);
    dialog.showModal();
  }
}
customElements.define('t-lightbox', Lightbox);
