const MOST_SIDE = 1024;
const MOST_UNDO = 20;

/** A canvas over a picture: what is painted white there goes as a PNG into the file field of the form. */
class Mask extends HTMLElement {
  connectedCallback() {
    const [width, height] = [Number(this.dataset.width), Number(this.dataset.height)];
    const scale = Math.min(1, MOST_SIDE / Math.max(width, height));
    this.canvas = document.createElement('canvas');
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', this.querySelector('.mask-hint').textContent);
    this.paint = this.canvas.getContext('2d', { willReadFrequently: true });
    this.strokes = [];
    this.querySelector('.mask-stage').append(this.canvas);
    this.classList.add('ready');
    if (this.dataset.mask) this.load(this.dataset.mask);
    this.canvas.addEventListener('pointerdown', (event) => this.begin(event));
    this.canvas.addEventListener('pointermove', (event) => this.go(event));
    for (const end of ['pointerup', 'pointercancel']) this.canvas.addEventListener(end, () => this.end());
    this.querySelector('[data-undo]').addEventListener('click', () => this.undo());
    this.querySelector('[data-clear]').addEventListener('click', () => {
      this.keep();
      this.paint.clearRect(0, 0, this.canvas.width, this.canvas.height);
      this.send();
    });
  }

  /** An earlier mask, its light parts as strokes. */
  load(src) {
    const image = new Image();
    image.addEventListener('load', () => {
      const { width, height } = this.canvas;
      this.paint.drawImage(image, 0, 0, width, height);
      const pixels = this.paint.getImageData(0, 0, width, height);
      for (let at = 0; at < pixels.data.length; at += 4) {
        pixels.data[at + 3] = pixels.data[at];
        pixels.data.fill(255, at, at + 3);
      }
      this.paint.putImageData(pixels, 0, 0);
    });
    image.src = src;
  }

  keep() {
    this.strokes.push(this.paint.getImageData(0, 0, this.canvas.width, this.canvas.height));
    if (this.strokes.length > MOST_UNDO) this.strokes.shift();
  }

  undo() {
    const before = this.strokes.pop();
    if (!before) return;
    this.paint.putImageData(before, 0, 0);
    this.send();
  }

  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.keep();
    this.canvas.setPointerCapture(event.pointerId);
    this.at = this.place(event);
    this.go(event);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale, scale };
  }

  go(event) {
    if (!this.at) return;
    const to = this.place(event);
    const { paint } = this;
    paint.globalCompositeOperation = this.querySelector('[data-erase]').checked ? 'destination-out' : 'source-over';
    Object.assign(paint, { strokeStyle: '#fff', lineCap: 'round', lineJoin: 'round' });
    paint.lineWidth = Number(this.querySelector('[data-brush]').value) * to.scale;
    paint.beginPath();
    paint.moveTo(this.at.x, this.at.y);
    paint.lineTo(to.x, to.y);
    paint.stroke();
    this.at = to;
  }

  end() {
    if (!this.at) return;
    this.at = null;
    this.paint.globalCompositeOperation = 'source-over';
    this.send();
  }

  /** Onto black, because a transparent part says nothing of what stays. */
  send() {
    const flat = document.createElement('canvas');
    Object.assign(flat, { width: this.canvas.width, height: this.canvas.height });
    const draw = flat.getContext('2d');
    draw.fillRect(0, 0, flat.width, flat.height);
    draw.drawImage(this.canvas, 0, 0);
    flat.toBlob((blob) => {
      const field = this.closest('form').querySelector('#maskFile');
      const files = new DataTransfer();
      files.items.add(new File([blob], 'mask.png', { type: 'image/png' }));
      field.files = files.files;
      field.dispatchEvent(new Event('t-painted', { bubbles: true }));
    }, 'image/png');
  }
}
customElements.define('t-mask', Mask);
