/** A frame over a picture, moved and drawn with mouse or finger; the numbers beside it say the same, and are what is sent. */
class Crop extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector('.crop-stage');
    this.box = this.querySelector('.crop-box');
    this.inputs = Object.fromEntries(
      ['left', 'top', 'width', 'height'].map((id) => [id, this.querySelector(`#${id}`)]),
    );
    this.box.hidden = false;
    this.querySelector('.crop-ratios').hidden = false;
    this.stage.addEventListener('pointerdown', (event) => this.begin(event));
    this.stage.addEventListener('pointermove', (event) => this.move(event));
    for (const end of ['pointerup', 'pointercancel']) this.stage.addEventListener(end, () => (this.drag = null));
    for (const input of Object.values(this.inputs)) input.addEventListener('input', () => this.draw());
    this.addEventListener('click', (event) => {
      const ratio = event.target.closest('[data-ratio]')?.dataset.ratio;
      if (ratio) this.fit(ratio);
    });
    this.draw();
  }

  get whole() {
    return { width: Number(this.dataset.width), height: Number(this.dataset.height) };
  }

  get crop() {
    return Object.fromEntries(Object.entries(this.inputs).map(([id, input]) => [id, Number(input.value)]));
  }

  set crop(crop) {
    for (const [id, input] of Object.entries(this.inputs)) input.value = Math.round(crop[id]);
    this.draw();
  }

  draw() {
    const { left, top, width, height } = this.crop;
    const whole = this.whole;
    const share = (part, all) => `${(100 * part) / all}%`;
    Object.assign(this.box.style, {
      left: share(left, whole.width),
      top: share(top, whole.height),
      width: share(width, whole.width),
      height: share(height, whole.height),
    });
  }

  /** In pixels of the picture. */
  at(event) {
    const shown = this.stage.getBoundingClientRect();
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    const { width, height } = this.whole;
    return {
      x: inside(((event.clientX - shown.left) / shown.width) * width, width),
      y: inside(((event.clientY - shown.top) / shown.height) * height, height),
    };
  }

  begin(event) {
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const corner = event.target.dataset.corner;
    const { left, top, width, height } = this.crop;
    const from = this.at(event);
    if (corner) {
      // the corner across stays where it is
      const anchor = { x: corner.endsWith('w') ? left + width : left, y: corner.startsWith('n') ? top + height : top };
      this.drag = { anchor };
    } else if (event.target === this.box) this.drag = { from, before: this.crop };
    else this.drag = { anchor: from };
  }

  move(event) {
    if (!this.drag) return;
    const { anchor, from, before } = this.drag;
    const to = this.at(event);
    const whole = this.whole;
    if (before) {
      const left = Math.min(whole.width - before.width, Math.max(0, before.left + to.x - from.x));
      const top = Math.min(whole.height - before.height, Math.max(0, before.top + to.y - from.y));
      this.crop = { ...before, left, top };
      return;
    }
    const least = Number(this.dataset.least);
    const width = Math.max(least, Math.abs(to.x - anchor.x));
    const height = Math.max(least, Math.abs(to.y - anchor.y));
    const left = Math.min(whole.width - width, Math.max(0, to.x < anchor.x ? anchor.x - width : anchor.x));
    const top = Math.min(whole.height - height, Math.max(0, to.y < anchor.y ? anchor.y - height : anchor.y));
    this.crop = { left, top, width, height };
  }

  /** The largest part of this shape, in the middle. */
  fit(ratio) {
    const whole = this.whole;
    const [across, down] = ratio === 'all' ? [whole.width, whole.height] : ratio.split(':').map(Number);
    const scale = Math.min(whole.width / across, whole.height / down);
    const width = Math.floor(across * scale);
    const height = Math.floor(down * scale);
    this.crop = { left: (whole.width - width) / 2, top: (whole.height - height) / 2, width, height };
  }
}
customElements.define('t-crop', Crop);
