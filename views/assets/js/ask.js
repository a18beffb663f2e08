/** A search for an address makes this node ask another, which may take seconds: says so while the page comes. */
const ADDRESS = /^\s*(https?:\/\/\S+|@?[^@\s/]+@[^@\s/]+\.[^@\s/]+)\s*$/i;

class Ask extends HTMLElement {
  connectedCallback() {
    this.note = this.querySelector('.asking');
    this.addEventListener('submit', () => {
      this.note.hidden = !ADDRESS.test(this.querySelector('input').value);
    });
    // the page may come back out of the browser's memory as it was left
    this.onShow = () => {
      this.note.hidden = true;
    };
    window.addEventListener('pageshow', this.onShow);
  }

  disconnectedCallback() {
    window.removeEventListener('pageshow', this.onShow);
  }
}
customElements.define('t-ask', Ask);
