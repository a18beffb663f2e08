/** Two pictures, one over the other, with a line between them that moves. Without scripts they stand side by side. */
class Compare extends HTMLElement {
  connectedCallback() {
    const slider = document.createElement('input');
    Object.assign(slider, { type: 'range', min: 0, max: 100, step: 1, value: 50, className: 'compare-line' });
    slider.setAttribute('aria-label', this.dataset.textLine);
    slider.addEventListener('input', () => this.place(slider.value));
    this.append(slider);
    this.classList.add('ready');
    this.place(50);
  }

  /** Through the object model: the policy of the page forbids style attributes only. */
  place(percent) {
    this.style.setProperty('--line-at', `${percent}%`);
  }
}
customElements.define('t-compare', Compare);
