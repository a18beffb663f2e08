/** Puts a sensitive picture in place of its veil, once its button was pressed. Nothing of it is loaded before. */
class Reveal extends HTMLElement {
  connectedCallback() {
    this.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      this.reveal();
    });
  }

  reveal() {
    const blur = this.querySelector('img');
    const image = new Image();
    image.alt = this.dataset.alt;
    if (blur) {
      image.width = blur.width;
      image.height = blur.height;
    }
    image.src = this.dataset.src;
    this.querySelector('form').remove();
    this.append(image);
    this.classList.add('open');
    this.tabIndex = -1;
    this.focus();
    this.dispatchEvent(new CustomEvent('t-revealed', { bubbles: true }));
  }
}
customElements.define('t-reveal', Reveal);
